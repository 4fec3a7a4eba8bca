"""``tagsmith outliers`` as a person runs it."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from core.quarantine import quarantined
from tagsmith.cli import app
from tests.support.tiny_world import write_colour_classifier
from tests.unit.core.test_quarantine import state
from tests.unit.pipelines.outliers.test_find import COLOURS, N_EACH, paint


def invoke(*words: str) -> tuple[int, str]:
    """Return (exit code, all output) of a command."""
    done = CliRunner().invoke(app, list(words))
    return done.exit_code, done.output


@pytest.mark.train
def test_outliers_are_shown_taken_out_and_put_back(tmp_path: Path) -> None:
    """Nothing is taken out until it is told to, and everything comes back."""
    pytest.importorskip("sklearn")
    bundle = write_colour_classifier(tmp_path / "bundle")
    (bundle / "manifest.json").write_text("{}")
    folder = tmp_path / "topics"
    for topic, colour in COLOURS.items():
        for number in range(N_EACH):
            paint(folder / topic / f"anna_{number:03}.jpg", colour, number)
    paint(folder / "pets" / "wrong_001.jpg", COLOURS["food"], 3)
    before = state(folder)
    words = ("outliers", str(folder), "--bundle", str(bundle), "--out", str(tmp_path / "out"))
    code, out = invoke(*words)
    assert code == 0, out
    assert "nothing was taken out" in out
    assert state(folder) == before
    code, out = invoke(*words, "--apply")
    assert "1 taken out" in out
    assert set(state(folder)) - set(before) == {"outliers.json"}
    assert quarantined(folder) == {"pets/wrong_001.jpg"}
    code, out = invoke("outliers", str(folder), "--undo")
    assert (code, state(folder) == before) == (0, True)
    code, out = invoke("outliers", str(folder), "--undo")
    assert (code, "nothing is in quarantine" in out) == (2, True)
    assert invoke(*words, "--weights", str(tmp_path))[0] == 2
    code, out = invoke(*words[:4], "--out", str(folder))
    assert (code, "choose another --out" in out) == (2, True)
