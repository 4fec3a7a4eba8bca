"""A run is planned before it starts, so that a wrong path costs no time."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import DataError
from pipelines.config import load_config
from pipelines.run import STAGE_NAMES, Places, plan


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """A data folder with what every run needs, and no more."""
    for name in ("posts", "topics"):
        (tmp_path / "data" / name).mkdir(parents=True)
    (tmp_path / "data" / "topic_lexicon.json").write_text("{}")
    return Places(tmp_path / "data", None, tmp_path / "out")


def test_every_stage_comes_after_those_whose_results_it_reads(places: Places) -> None:
    """And reads a section that the configuration has."""
    done: list[str] = []
    for stage in plan(places):
        assert set(stage.after) <= set(done)
        assert hasattr(load_config(), stage.section)
        done.append(stage.name)
    assert tuple(done) == STAGE_NAMES


def test_weights_and_pictured_posts_may_be_missing(places: Places) -> None:
    """Packages bring some weights, and not everybody has posts with pictures."""
    roles = {role for stage in plan(places) for role in stage.sources}
    assert roles == {"posts", "topics", "topic_lexicon"}


def test_weights_that_were_named_must_be_there(places: Places) -> None:
    """A mistyped folder does not train without weights."""
    with pytest.raises(DataError, match="nowhere does not exist; the weights folder"):
        plan(Places(places.data, places.data / "nowhere", places.out))


def test_other_pictures_can_stand_in_for_the_topics(places: Places, tmp_path: Path) -> None:
    """A second set of topics is trained with the same data folder."""
    (tmp_path / "styles").mkdir()
    stages = {stage.name: stage for stage in plan(Places(places.data, None, places.out, tmp_path / "styles"))}
    assert stages["train-topics"].sources["topics"] == tmp_path / "styles"
