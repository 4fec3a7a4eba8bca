"""A bundle of one wrong digit, its hash made to fit: the service and the command refuse it, and nothing ends."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from core.bundle.opening import move_current, open_bundle
from tests.support.service_process import ROOT, Service

STARTER = ROOT / "bundles" / "starter"
TREES = "ranker-both.txt"


def copy_of_starter(store: Path, name: str, file: str = "", old: bytes = b"", new: bytes = b"") -> Path:
    """Put the starter bundle into a store under another name, one file of it changed and hashed anew."""
    folder = store / name
    shutil.copytree(STARTER, folder)
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    manifest["bundle_id"] = name
    if file:
        content = (folder / file).read_bytes()
        assert old in content
        content = content.replace(old, new, 1)
        (folder / file).write_bytes(content)
        manifest["files"][file] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    assert open_bundle(folder).manifest.bundle_id == name
    return folder


@pytest.mark.parametrize("workers", ["1", "2"])
def test_one_digit_of_a_tree_ends_nothing(tmp_path: Path, workers: str) -> None:
    """``bundle use`` says why and leaves the pointer; a service of a pointer moved by hand goes on, and restarts."""
    if not (STARTER / "manifest.json").is_file():
        pytest.skip("there is no starter bundle in this checkout")
    store = tmp_path / "store"
    copy_of_starter(store, "good-1")
    copy_of_starter(store, "evil-1", TREES, b"num_cat=0", b"num_cat=9")
    move_current(store, "good-1")
    use = [sys.executable, "-m", "tagsmith", "bundle", "use", "--store", str(store)]
    refused = subprocess.run([*use, "evil-1"], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1), refused.stderr
    assert f"{TREES} is damaged (line 14: num_cat" in refused.stderr
    assert (store / "CURRENT").read_text("utf-8").strip() == "good-1"

    settings = {"TAGSMITH_BUNDLE": str(store), "TAGSMITH_FOLLOW_S": "0.1", "TAGSMITH_WORKERS": workers}
    for when in ("running", "restarted"):
        service = Service("tagsmith", settings, "serve")
        try:
            with service.client() as client:
                if when == "running":
                    move_current(store, "evil-1")
                told = service.wait_for("bundle refused")
                assert (told["bundle"], told["serving"], told["error"]) == ("evil-1", "good-1", "BundleCorrupt")
                answer = client.post("/v1/suggestions", json={"caption": "my cat", "seeds": ["cat"]})
                assert (answer.status_code, answer.json()["bundle"]) == (200, "good-1")
        finally:
            service.process.terminate()
        assert service.ends_with() == 0
        assert not [line for line in service.told("worker ended") if "signal" in line]
