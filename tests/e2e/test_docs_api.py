"""The commands of docs/api.md, run as a reader would run them, against the bundle that ships."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.text.flags import load_flags
from service.answer.post import CODE
from service.problems import KINDS
from tests.support.log_watch import WATCH
from tests.support.service_process import ROOT, Service

PAGE = ROOT / "docs" / "api.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)
BLOCKS = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
SHELL = [body for language, body in BLOCKS if language == "sh"]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where ``tagsmith serve`` listens."""
    if shutil.which("curl") is None:
        pytest.skip("SKIPPED, NOT RUN: curl is not installed")
    folder = tmp_path_factory.mktemp("api")
    settings = {"TAGSMITH_DATABASE": f"sqlite:///{folder}/store.db", "TAGSMITH_SPOOL": f"{folder}/spool"}
    service = Service("tagsmith", settings, "serve", "--bundle", str(ROOT / "bundles" / "starter"))
    service.client().close()
    yield service.wait_for("listening")["url"]
    service.process.terminate()
    assert service.ends_with() == 0


def test_the_page_shows_every_call() -> None:
    """Fifteen blocks at least would be a pity to lose."""
    text = "\n".join(SHELL)
    for call in (
        "suggestions",
        "suggestions/batch",
        "check",
        "hashtags",
        "trending",
        "feedback",
        "sets",
        "me",
        "limits",
    ):
        assert f"/v1/{call}" in text


@pytest.mark.parametrize("block", SHELL, ids=range(len(SHELL)))
def test_commands_of_the_page_work(block: str, url: str) -> None:
    """Each answers, and none with a problem of the request as a whole."""
    WATCH.runs(block)
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block.replace("http://127.0.0.1:8000", url)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() or "-X DELETE" in block
    for place in re.finditer(r'(?:^|(?<=\})|(?<=\n))\{"', ran.stdout):
        body, _ = json.JSONDecoder().raw_decode(ran.stdout[place.start() :])
        assert "code" not in body, body


def test_every_code_is_on_the_page() -> None:
    """And none that does not exist, each with its status."""
    section = PAGE.read_text(encoding="utf-8").split("## Errors")[1].split("\n## ")[0]
    told: dict[str, int] = {}
    for line in section.splitlines():
        if line.startswith("| `"):
            codes, statuses = (cell.strip() for cell in line.split("|")[1:3])
            names = re.findall(r"`(\w+)`", codes)
            numbers = [int(number) for number in statuses.split(", ")]
            told |= dict(zip(names, numbers * len(names) if len(numbers) == 1 else numbers, strict=len(numbers) > 1))
    assert told == {code: kind.status for code, kind in KINDS.items()}


def test_every_code_of_a_warning_is_on_the_page() -> None:
    """And none that does not exist."""
    files = [path for room in ("core", "recommend", "service") for path in (ROOT / room).rglob("*.py")]
    given = {code for path in files for code in re.findall(r'\bNotice\(\s*"(\w+)"', path.read_text(encoding="utf-8"))}
    section = PAGE.read_text(encoding="utf-8").split("## Warnings")[1].split("\n## ")[0]
    told = {code for line in section.splitlines() if line.startswith("| `") for code in re.findall(r"`(\w+)`", line)}
    assert told == given | {CODE}


def test_the_file_of_flags_on_the_page_is_one(tmp_path: Path) -> None:
    """It can be copied."""
    (text,) = (body for language, body in BLOCKS if language == "toml")
    assert tomllib.loads(text)
    (tmp_path / "flags.toml").write_text(text, encoding="utf-8")
    assert len(load_flags(tmp_path / "flags.toml")) == 1
