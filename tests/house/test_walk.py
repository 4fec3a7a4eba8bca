"""docs/walk.md follows a real request."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from tests.house.rooms import ROOT

WALKED = ("models/", "recommend/", "service/")


def test_the_walk_names_the_files_that_a_request_enters_in_their_order() -> None:
    """A walk that was true once leads the next reader astray."""
    if not (ROOT / "bundles" / "starter" / "manifest.json").is_file():
        pytest.skip("there is no starter bundle in this checkout")
    trace = [sys.executable, "-m", "tests.support.request_trace"]
    done = subprocess.run(trace, cwd=ROOT, capture_output=True, text=True, check=True)
    entered = [file for file in json.loads(done.stdout) if file.startswith(WALKED)]
    page = (ROOT / "docs" / "walk.md").read_text(encoding="utf-8")
    (section,) = re.findall(r"^## One request\n(.*?)^## ", page, flags=re.MULTILINE | re.DOTALL)
    rows = [line.split("|")[2] for line in section.splitlines() if line.startswith("| **")]
    assert re.findall(r"\]\(\.\./(\S+?)\)", "".join(rows)) == entered
