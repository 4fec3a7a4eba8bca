"""The report of a run holds every figure, and its page needs nothing beside it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from pipelines.report.report import write_report
from pipelines.workshop.stage import StageRecord
from tests.unit.pipelines.training.test_publish import METRICS, SUMMARY

pytestmark = pytest.mark.train
pytest.importorskip("matplotlib")


COURSE = {"epochs": [{"loss": 1.0 / epoch, "note": "x", "kept": None} for epoch in range(1, 6)]}
FILES = (
    ("split", "summary.json", SUMMARY),
    ("train-embeddings", "metrics.json", COURSE),
    ("evaluate", "metrics.json", METRICS),
)


def record(stage: str) -> StageRecord:
    """Return the record of a stage that took half a minute."""
    return StageRecord(stage, "f" * 64, "done", "2026-11-22T06:00:00+00:00", 30.0, False, 300)


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """The page of a run that has measured but not published."""
    for stage, name, content in FILES:
        folder = tmp_path / "work" / "stages" / stage / "out"
        folder.mkdir(parents=True)
        (folder / name).write_text(json.dumps(content))
    return write_report(tmp_path, tmp_path / "work", [record(stage) for stage, _, _ in FILES])


def test_the_page_holds_stages_posts_and_figures(page: Path) -> None:
    """What was done, on what, with what result."""
    text = page.read_text()
    assert "Together 1.5 minutes" in text
    assert "0.250 (0.240–0.260)" in text
    assert "walks" in text


def test_the_page_carries_its_plots_and_asks_for_nothing_else(page: Path) -> None:
    """It can be mailed."""
    text = page.read_text()
    sources = re.findall(r'(?:src|href)="([^"]*)"', text)
    assert len(sources) == 3, "a course, bars by source and a confusion matrix"
    assert all(source.startswith("data:image/png;base64,iVBOR") for source in sources)
    assert "PLOT-" not in text


def test_the_text_has_the_same_tables_without_pictures(page: Path) -> None:
    """It can be read in a terminal and compared line by line."""
    text = page.with_suffix(".md").read_text()
    assert "| learned | 0.250 (0.240–0.260) |" in text
    assert "PLOT-" not in text
    assert "base64" not in text


def test_names_from_the_data_are_not_taken_for_markup(tmp_path: Path) -> None:
    """A source may be called anything."""
    folder = tmp_path / "work" / "stages" / "evaluate" / "out"
    folder.mkdir(parents=True)
    (folder / "metrics.json").write_text(json.dumps({"by_source": {"<script>x</script>": {"P@1": 0.5}}}))
    assert "<script>" not in write_report(tmp_path, tmp_path / "work", [record("evaluate")]).read_text()


def test_figures_of_another_run_are_not_shown(page: Path) -> None:
    """A run that stopped early would otherwise be judged by what an older one measured."""
    again = write_report(page.parent, page.parent / "work", [record("split")])
    assert "0.250" not in again.read_text()
