"""A suggestion says which way its hashtag goes, from counts of the last 30 days, and its score knows nothing of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from core.bundle.opening import Bundle
from core.errors import InvalidOption
from core.suggestions import Answer
from core.trend_snapshot import SNAPSHOT_FILE, write_snapshot
from recommend.assemble import Engine, assemble
from recommend.catalogue.trends import TRENDS_FILE
from tests.support.dated_posts import NOW, snapshot_of
from tests.support.tiny_world import TinyWorld, ask

SNAPSHOT = snapshot_of(
    {
        "dog": dict.fromkeys(range(60), 4),
        "puppy": {**dict.fromkeys(range(7), 9), **dict.fromkeys(range(7, 60), 2)},
        "unheardof": dict.fromkeys(range(60), 3),
    },
    topics=("pets",),
)


@pytest.fixture
def copy(tiny_world: TinyWorld, tmp_path: Path) -> Bundle:
    """The small bundle in a store of its own."""
    shutil.copytree(tiny_world.bundle.root, tmp_path / "store" / "bundle")
    return Bundle(tmp_path / "store" / "bundle", tiny_world.bundle.manifest)


def engine_at(bundle: Bundle, now: Callable[[], datetime]) -> Engine:
    """Return the bundle at work, at a time."""
    return assemble(bundle, runtime="onnx", threads=1, now=now)


def without_trends(answer: Answer) -> Answer:
    """Return an answer as it would be if nothing were known of trends."""
    return replace(
        answer, trends=None, suggestions=tuple(replace(suggestion, trend=None) for suggestion in answer.suggestions)
    )


def test_trends_are_told_while_fresh_and_change_nothing_else(copy: Bundle) -> None:
    """The list, its order and its scores are those of the bundle alone."""
    write_snapshot(SNAPSHOT, copy.root.parent / SNAPSHOT_FILE)
    times = [NOW]
    engine = engine_at(copy, lambda: times[0])
    (fresh,) = engine.recommender.recommend([ask("my dog", "pets")])
    told = {suggestion.hashtag: suggestion.trend for suggestion in fresh.suggestions}
    assert told["puppy"] is not None
    assert told["puppy"].direction == "up"
    assert {tag for tag, trend in told.items() if trend} <= {"dog", "puppy"}
    assert fresh.trends is not None
    assert (fresh.trends.snapshot, fresh.trends.as_of) == (SNAPSHOT.name, SNAPSHOT.as_of)
    times[0] = NOW + timedelta(days=31)
    (stale,) = engine.recommender.recommend([ask("my dog", "pets")])
    assert stale.trends is None
    assert all(suggestion.trend is None for suggestion in stale.suggestions)
    assert stale == without_trends(fresh)


def test_the_catalogue_lists_what_rises(copy: Bundle) -> None:
    """With where the counts come from, however old; and refuses what it does not know."""
    write_snapshot(SNAPSHOT, copy.root.parent / SNAPSHOT_FILE)
    times = [NOW]
    catalogue = engine_at(copy, lambda: times[0]).catalogue
    book = catalogue.trends.fresh()
    assert book is not None
    assert [row.hashtag for row in book.rising("pets", 7, 5)] == ["puppy"]
    assert [row.hashtag for row in book.top(None, 7, 5)] == ["puppy", "dog", "unheardof"]
    with pytest.raises(InvalidOption, match="no topic 'cars'"):
        catalogue.check_topic("cars")
    with pytest.raises(InvalidOption, match="1 to 30"):
        book.top(None, 31, 5)
    times[0] = NOW + timedelta(days=31)
    assert catalogue.trends.fresh() is None
    stale = catalogue.trends.newest()
    assert stale is not None
    assert stale.source.as_of == SNAPSHOT.as_of


def test_a_file_that_the_manifest_does_not_list_is_not_read(copy: Bundle) -> None:
    """What nobody verified is not the bundle's."""
    write_snapshot(SNAPSHOT, copy.root / TRENDS_FILE)
    assert engine_at(copy, lambda: NOW).catalogue.trends.newest() is None
    listed = {**copy.manifest.files, TRENDS_FILE: copy.manifest.files["words.json"]}
    known = Bundle(copy.root, replace(copy.manifest, files=listed))
    book = engine_at(known, lambda: NOW).catalogue.trends.newest()
    assert book is not None
    assert book.source.snapshot == SNAPSHOT.name


def test_a_bundle_without_trends_answers_as_before(tiny_world: TinyWorld) -> None:
    """Bundles of before have none."""
    (answer,) = tiny_world.engine.recommender.recommend([ask("my dog", "pets")])
    assert answer.trends is None
    assert all(suggestion.trend is None for suggestion in answer.suggestions)
    assert tiny_world.engine.catalogue.trends.newest() is None
