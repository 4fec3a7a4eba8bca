"""What rises and falls is told from shares, with enough posts, and never from old counts."""

from __future__ import annotations

import math
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import BundleCorrupt, InvalidOption
from core.trend_snapshot import SNAPSHOT_FILE, DatedCounts, write_snapshot
from recommend.catalogue.trends import (
    BASELINE_SPANS,
    CLEAR_RATIO,
    CLEAR_Z,
    MIN_POSTS,
    MIN_SUPPORT,
    SMOOTHING,
    TrendBook,
    TrendShelf,
    span_table,
    trend_files,
)
from tests.support.dated_posts import NOW, counts_of, snapshot_of

STEADY = dict.fromkeys(range(60), 4)
BURST = {**dict.fromkeys(range(7), 8), **dict.fromkeys(range(7, 60), 2)}
FADING = {**dict.fromkeys(range(7), 2), **dict.fromkeys(range(7, 60), 8)}
USES = {"dog": STEADY, "puppy": BURST, "pumpkin": FADING, "rare": {1: 2, 20: 2}}


def naive_row(counts: DatedCounts, row: int, n_days: int, days: int) -> tuple[int, int, float, str | None]:
    """The formulas of the module, one cell at a time."""
    n = m = 0
    for tag, day, posts in zip(counts.hashtag.tolist(), counts.day.tolist(), counts.posts.tolist(), strict=True):
        if tag == row and day >= n_days - days:
            n += posts
        elif tag == row and day >= n_days - days - BASELINE_SPANS * days:
            m += posts
    all_n = sum(p for day, p in enumerate(counts.posts_by_day.tolist()) if day >= n_days - days)
    all_m = sum(
        p
        for day, p in enumerate(counts.posts_by_day.tolist())
        if n_days - days - BASELINE_SPANS * days <= day < n_days - days
    )
    ratio = (n + SMOOTHING) / (m * all_n / max(1, all_m) + SMOOTHING)
    if n + m < MIN_SUPPORT or all_n < MIN_POSTS or all_m < MIN_POSTS:
        return n, m, ratio, None
    p = all_n / (all_n + all_m)
    z = (n - (n + m) * p) / math.sqrt((n + m) * p * (1 - p))
    if ratio >= CLEAR_RATIO and z >= CLEAR_Z:
        return n, m, ratio, "up"
    return n, m, ratio, "down" if ratio <= 1 / CLEAR_RATIO and z <= -CLEAR_Z else "flat"


def direction(book: TrendBook, tag: str) -> str | None:
    """Return which way a hashtag goes."""
    trend = book.trend(tag)
    return None if trend is None else trend.direction


def age_of(shelf: TrendShelf) -> int | None:
    """Return how old the fresh trends are, None where there are none."""
    book = shelf.fresh()
    return None if book is None else shelf.age_days(book)


CELLS = st.dictionaries(st.integers(0, 59), st.integers(2, 40), max_size=30)


@settings(max_examples=60, deadline=None)
@given(
    st.fixed_dictionaries({"a": CELLS, "b": CELLS, "c": CELLS}),
    st.dictionaries(st.integers(0, 59), st.integers(2, 200), max_size=60),
    st.integers(1, 30),
)
def test_a_table_equals_the_formulas_done_by_hand(
    uses: dict[str, dict[int, int]], by_day: dict[int, int], days: int
) -> None:
    """Whatever the counts and the span, also one whose baseline begins before the counts."""
    counts = counts_of(uses, by_day, 60)
    table = span_table(counts, 3, 60, days)
    for row in range(3):
        n, m, ratio, direction = naive_row(counts, row, 60, days)
        assert (table.posts[row], table.baseline_posts[row]) == (n, m)
        assert table.ratio[row] == pytest.approx(ratio)
        assert table.supported[row] == (direction is not None)
        if direction is not None:
            assert ("flat", "up", "down")[table.direction[row]] == direction


def test_a_burst_goes_up_and_a_steady_hashtag_stays() -> None:
    """Four times its own baseline is up, a quarter is down, the same is flat, and two posts are nothing."""
    book = TrendBook(snapshot_of(USES))
    assert {tag: direction(book, tag) for tag in USES} == {
        "dog": "flat",
        "puppy": "up",
        "pumpkin": "down",
        "rare": None,
    }
    assert book.trend("never seen") is None


def test_twice_as_many_posts_of_everything_is_no_trend() -> None:
    """Shares are compared: a week in which more was collected is not a week in which everything rose."""
    doubled = {**dict.fromkeys(range(7), 8), **dict.fromkeys(range(7, 60), 4)}
    posts = {**dict.fromkeys(range(7), 200), **dict.fromkeys(range(7, 60), 100)}
    table = span_table(counts_of({"dog": doubled}, posts, 60), 1, 60, 7)
    assert table.direction[0] == 0
    assert table.ratio[0] == pytest.approx(1.0)


def test_a_hashtag_is_compared_within_the_topic_that_it_is_of() -> None:
    """Collecting little of a topic for a week does not make its hashtags fall."""
    thinned = {**dict.fromkeys(range(7), 2), **dict.fromkeys(range(7, 60), 8)}
    snapshot = snapshot_of({"puppy": thinned})
    few = {**dict.fromkeys(range(7), 20), **dict.fromkeys(range(7, 60), 80)}
    within = type(snapshot)(
        snapshot.as_of,
        snapshot.n_days,
        snapshot.corpus,
        snapshot.sources,
        snapshot.hashtags,
        snapshot.whole,
        (counts_of({"puppy": thinned}, few, snapshot.n_days, "pets"),),
    )
    assert direction(TrendBook(snapshot), "puppy") == "down"
    assert direction(TrendBook(within), "puppy") == "flat"


def test_lists_are_ordered_and_tell_ranks() -> None:
    """Rising by ratio, top by posts; a rank change is places climbed since the baseline."""
    book = TrendBook(snapshot_of(USES))
    assert [row.hashtag for row in book.rising(None, 7, 10)] == ["puppy"]
    top = book.top(None, 7, 10)
    assert [row.hashtag for row in top] == ["puppy", "dog", "pumpkin", "rare"]
    assert [(row.rank, row.rank_change) for row in top] == [(1, 2), (2, 0), (3, -2), (4, 0)]
    assert all(row.velocity == pytest.approx(math.log2(row.ratio)) for row in top)
    assert [row.tier for row in top] == ["broad", "mid", "niche", "niche"]
    assert book.top(None, 7, 1) == top[:1]


def test_a_new_hashtag_has_no_rank_change() -> None:
    """Nothing can be climbed from nowhere."""
    (row,) = TrendBook(snapshot_of({"puppy": dict.fromkeys(range(7), 3)})).top(None, 7, 5)
    assert row.rank_change is None
    assert row.direction == "up"


def test_blocked_hashtags_are_in_no_list() -> None:
    """The block list of whoever serves holds for counts from elsewhere too."""
    book = TrendBook(snapshot_of(USES), lambda tag: "slur" if tag == "puppy" else None)
    assert book.trend("puppy") is None
    assert "puppy" not in {row.hashtag for row in (*book.rising(None, 7, 9), *book.top(None, 7, 9))}


@pytest.mark.parametrize("days", [0, -1, 31, 10_000])
def test_spans_that_cannot_be_looked_at_are_refused(days: int) -> None:
    """With the field's name."""
    book = TrendBook(snapshot_of(USES))
    for ask in (book.rising, book.top):
        with pytest.raises(InvalidOption, match="1 to 30") as refused:
            ask(None, days, 5)
        assert refused.value.field == "days"


def test_a_topic_that_the_counts_lack_gives_nothing() -> None:
    """A bundle may know topics that were not collected since."""
    assert TrendBook(snapshot_of(USES, topics=("pets",))).top("food", 7, 5) == ()


def test_counts_older_than_thirty_days_are_not_fresh(tmp_path: Path) -> None:
    """To the day, by the clock that is passed in, and by the counts' day, not the file's."""
    place = tmp_path / SNAPSHOT_FILE
    for age, expected in ((0, True), (30, True), (31, False), (-1, True), (-2, False)):
        write_snapshot(snapshot_of(USES, as_of=NOW.date() - timedelta(days=age)), place)
        shelf = TrendShelf((place,), now=lambda: NOW)
        assert age_of(shelf) == (age if expected else None)
        assert shelf.newest() is not None


def test_refreshed_trends_take_over_while_serving(tmp_path: Path) -> None:
    """Without a restart; those of the bundle come back when the file goes."""
    bundle = tmp_path / "bundle"
    own, beside = trend_files(bundle)
    own.parent.mkdir(parents=True)
    write_snapshot(snapshot_of(USES, as_of=NOW.date() - timedelta(days=5)), own)
    shelf = TrendShelf((own, beside), now=lambda: NOW)
    before = shelf.fresh()
    assert age_of(shelf) == 5
    write_snapshot(snapshot_of(USES, as_of=NOW.date()), beside)
    assert age_of(shelf) == 0
    beside.unlink()
    assert shelf.fresh() is before


def test_a_file_that_breaks_while_serving_keeps_what_it_held(tmp_path: Path) -> None:
    """One that is broken at the start is refused with what to do."""
    place = tmp_path / SNAPSHOT_FILE
    write_snapshot(snapshot_of(USES), place)
    shelf = TrendShelf((place,), now=lambda: NOW)
    held = shelf.fresh()
    place.write_text("{half", "utf-8")
    assert shelf.fresh() is held
    with pytest.raises(BundleCorrupt, match="tagsmith trends refresh"):
        TrendShelf((place,))


def test_without_files_there_are_no_trends(tmp_path: Path) -> None:
    """Old bundles have none, and open as before."""
    shelf = TrendShelf(trend_files(tmp_path / "bundle"))
    assert shelf.newest() is None
    assert shelf.fresh() is None
