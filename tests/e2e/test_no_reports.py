"""Nothing of a user's machine is told to the makers of the runtimes, whose builds do so unless kept from it."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.rooms import ROOT

STARTER = ROOT / "bundles" / "starter"
PHOTO = ROOT / "examples" / "photos" / "cat.jpg"
CI_VARIABLES = ("CI", "TF_BUILD", "JENKINS_URL", "GITHUB_ACTIONS")
"""Where one of these is set, the runtimes keep quiet by themselves."""


@pytest.mark.parametrize("runtime", ["onnx", "openvino"])
def test_a_suggestion_leaves_no_identifier_of_a_runtime_in_the_home_folder(tmp_path: Path, runtime: str) -> None:
    """Each makes up an identifier, and keeps it there, when it begins to report."""
    if importlib.util.find_spec({"onnx": "onnxruntime"}.get(runtime, runtime)) is None:
        pytest.skip(f"{runtime} is not installed")
    if not (STARTER / "manifest.json").is_file():
        pytest.skip("there is no starter bundle in this checkout")
    quiet = (*CI_VARIABLES, "XDG_CACHE_HOME", "ORT_DISABLE_TELEMETRY")
    environment = {name: value for name, value in os.environ.items() if name not in quiet}
    words = ("suggest", str(PHOTO), "--json", "--bundle", str(STARTER), "--runtime", runtime)
    for command in (words, ("doctor",)):
        done = subprocess.run(
            [sys.executable, "-m", "tagsmith", *command],
            cwd=ROOT,
            env={**environment, "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    assert list(tmp_path.rglob("*")) == []
