"""From a corpus to what training reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.errors import DataError
from pipelines.config.collect import load_collect_config
from pipelines.config.training import load_config
from pipelines.corpus.topics import lexicon_of_searches
from pipelines.growing.grow import GrowPaths, grow, plan


def paths(tmp_path: Path, topics: Path | None = None) -> GrowPaths:
    return GrowPaths(tmp_path / "corpus", None, tmp_path / "store", tmp_path / "inst", tmp_path / "bundle", topics)


def test_the_lexicon_has_what_topics_are_searched_by_and_the_marks_that_we_know() -> None:
    """A topic of the operator's own has at least the hashtags that it is searched by."""
    topics = json.loads(lexicon_of_searches({"pets": ("dog",), "cars": ("car", "oldtimer")}).to_json())["topics"]
    assert topics["pets"]["collect"] == ["dog"]
    assert {"dog", "catsofinstagram"} <= set(topics["pets"]["seeds"])
    assert topics["cars"] == {"collect": ["car", "oldtimer"], "seeds": ["car", "oldtimer"]}


def test_every_topic_that_is_collected_by_default_has_marks() -> None:
    """The ten topics and the lexicon that comes with the program name the same things."""
    topics = json.loads(lexicon_of_searches(load_collect_config().topics).to_json())["topics"]
    assert len(topics) == 10
    assert all(len(entry["seeds"]) >= 15 for entry in topics.values())


def test_stages_go_from_cleaning_to_outliers(tmp_path: Path) -> None:
    """The crawl's own state is no source: it changes at every visit, and the posts do not."""
    (tmp_path / "corpus" / "posts").mkdir(parents=True)
    stages = [stage for stage, _ in plan(paths(tmp_path), tmp_path / "lexicon.json", load_config())]
    assert [(stage.name, stage.after) for stage in stages] == [
        ("clean", ()),
        ("arrange", ("clean",)),
        ("outliers", ("arrange",)),
    ]
    assert set(stages[0].sources) == {"posts"}


def test_with_other_pictures_there_is_nothing_to_look_for(tmp_path: Path) -> None:
    """Labelled pictures that were given are taken as they are."""
    (tmp_path / "corpus" / "posts").mkdir(parents=True)
    stages = plan(paths(tmp_path, tmp_path / "topics"), tmp_path / "lexicon.json", load_config())
    assert [stage.name for stage, _ in stages] == ["clean", "arrange"]


def test_what_is_no_corpus_is_told_before_anything_is_made(tmp_path: Path) -> None:
    """A misspelt path must not leave a store behind."""

    def never(stage: str) -> object:
        raise AssertionError(stage)

    with pytest.raises(DataError, match="tagsmith collect"):
        grow(paths(tmp_path), load_config(), {}, open_progress=never, on_done=never)  # type: ignore[arg-type]
    assert not (tmp_path / "store").exists()
