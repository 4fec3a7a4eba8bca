"""Which hashtags rise and fall, from the newest dated counts at hand.

For a span of ``days`` up to the snapshot's last day, a hashtag's **baseline** is the ``BASELINE_SPANS`` spans before.
With n posts of the hashtag among N posts in the span, and m among M in the baseline,

    ratio    = (n + SMOOTHING) / (m N / M + SMOOTHING)
    velocity = log2(ratio)
    z        = (n - (n + m) p) / sqrt((n + m) p (1 - p)),   p = N / (N + M)

m N / M is what the hashtag's own baseline lets expect. Shares rather than counts are compared, because a collection
that fetched twice as much this week saw everything twice as often. ``SMOOTHING`` posts without a change pull hashtags
with few posts towards ratio 1; z is the normal form of the conditional test for two Poisson rates (Przyborowski and
Wilenski 1940). A hashtag goes up or down when both its ratio and its z are clear, and nothing is said about one with
fewer than ``MIN_SUPPORT`` posts in span and baseline together.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.clock import UtcClock, utc_now
from core.errors import BundleError, BundleMissing, InvalidOption
from core.query import Tier
from core.suggestions import Direction, HashtagTrend, TrendSource
from core.trend_snapshot import SNAPSHOT_FILE, DatedCounts, TrendSnapshot, read_snapshot
from recommend.catalogue.tiers import TIERS, percentiles_of, tiers_of
from recommend.safety import Blocked, nothing_blocked

TRENDS_FILE = f"counts/{SNAPSHOT_FILE}"
"""Where a bundle has them."""
MAX_AGE_DAYS = 30
"""Counts older than this say nothing about now."""
TREND_DAYS = 7
"""The span that ``trend`` looks at."""
MAX_DAYS = 30
"""The longest span that can be asked for."""
BASELINE_SPANS = 4
SMOOTHING = 5.0
MIN_SUPPORT = 10
MIN_POSTS = 30
"""Posts of any kind that span and baseline need each, below which their shares say nothing."""
CLEAR_RATIO = 1.25
"""Up is at least this ratio, down at most its inverse."""
CLEAR_Z = 1.96
"""And at least this many standard deviations from no change: by chance alone one hashtag in twenty is as far, in either
direction."""
HOME_SHARE = 0.5
"""A hashtag with at least this share of its posts in one topic is compared with the posts of that topic alone, so that
a week in which more was collected for another topic does not look like its fall."""

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class TrendingHashtag:
    """A hashtag over one span of days.

    Attributes:
        hashtag: normal form.
        posts: posts in the span, at least 2.
        baseline_posts: posts in the baseline, which is ``BASELINE_SPANS`` times as long.
        ratio: share of posts against the baseline's, smoothed; above 0, 1 is no change.
        velocity: log2 of the ratio.
        direction: up, flat or down; None below the minimum support.
        rank: by posts in the span, from 1; equal counts share a rank.
        rank_change: ranks climbed since the baseline, negative when fallen; None for one that the baseline lacks.
        tier: broad, mid or niche by the posts of the span.
        percentile: share of the span's hashtags that are used less, 0 to below 1.
    """

    hashtag: str
    posts: int
    baseline_posts: int
    ratio: float
    velocity: float
    direction: Direction | None
    rank: int
    rank_change: int | None
    tier: Tier
    percentile: float


@dataclass(frozen=True, slots=True)
class SpanTable:
    """Every hashtag of one topic, or of all posts, over one span.

    Attributes:
        posts: (n_hashtags,) in the span.
        baseline_posts: (n_hashtags,) in the baseline.
        ratio: (n_hashtags,) float64.
        direction: (n_hashtags,) 1 up, -1 down, 0 flat; meaningless where not ``supported``.
        supported: (n_hashtags,) whether there are posts enough to tell a direction.
    """

    posts: Ints
    baseline_posts: Ints
    ratio: NDArray[np.float64]
    direction: NDArray[np.int8]
    supported: NDArray[np.bool_]


class TrendBook:
    """Look-ups over one snapshot. Holds no state that a request changes; safe to share between threads.

    Args:
        snapshot: the counts; an attribute, too.
        blocked: hashtag to the category it is blocked for, or None; blocked ones are never answered.
    """

    def __init__(self, snapshot: TrendSnapshot, blocked: Blocked = nothing_blocked) -> None:
        self.snapshot = snapshot
        self.source = TrendSource(snapshot.name, snapshot.as_of, snapshot.corpus, snapshot.sources)
        self._row_of = {tag: row for row, tag in enumerate(snapshot.hashtags)}
        self._allowed = np.array([blocked(tag) is None for tag in snapshot.hashtags], dtype=np.bool_)
        self._by_topic = {counts.topic: counts for counts in snapshot.by_topic}
        self._trends = self._home_trends()

    def trend(self, hashtag: str) -> HashtagTrend | None:
        """Return which way a hashtag goes over ``TREND_DAYS`` days, or None without posts enough to tell."""
        return self._trends.get(hashtag)

    def rising(self, topic: str | None, days: int, k: int) -> tuple[TrendingHashtag, ...]:
        """Return up to k hashtags that go up, by ratio, then by posts and name.

        Args:
            topic: whose posts to look at; None for all. A topic that the snapshot lacks gives nothing.
            days: 1 to ``MAX_DAYS``.
            k: how many at most.

        Raises:
            InvalidOption: ``days`` is out of range.
        """
        found = [row for row in self._rows(topic, days) if row.direction == "up"]
        return tuple(sorted(found, key=lambda row: (-row.ratio, -row.posts, row.hashtag))[:k])

    def top(self, topic: str | None, days: int, k: int) -> tuple[TrendingHashtag, ...]:
        """Return up to k hashtags with the most posts in the span, ties by name; arguments as for :meth:`rising`.

        Raises:
            InvalidOption: ``days`` is out of range.
        """
        return tuple(sorted(self._rows(topic, days), key=lambda row: (row.rank, row.hashtag))[:k])

    def _counts(self, topic: str | None) -> DatedCounts | None:
        return self.snapshot.whole if topic is None else self._by_topic.get(topic)

    def _rows(self, topic: str | None, days: int) -> list[TrendingHashtag]:
        counts = self._counts(topic)
        check_days(days)
        if counts is None:
            return []
        table = span_table(counts, len(self._row_of), self.snapshot.n_days, days)
        used = np.flatnonzero((table.posts > 0) & self._allowed)
        used = used[np.argsort(-table.posts[used], kind="stable")]
        posts = table.posts[used]
        tiers, percentiles = tiers_of(posts), percentiles_of(posts)
        ranks = _ranks(table.posts, self._allowed)
        before = _ranks(table.baseline_posts, self._allowed)
        rows = []
        for position, row in enumerate(used.tolist()):
            ratio, known = float(table.ratio[row]), bool(table.baseline_posts[row])
            rows.append(
                TrendingHashtag(
                    hashtag=self.snapshot.hashtags[row],
                    posts=int(table.posts[row]),
                    baseline_posts=int(table.baseline_posts[row]),
                    ratio=ratio,
                    velocity=float(np.log2(ratio)),
                    direction=_direction(table, row) if table.supported[row] else None,
                    rank=int(ranks[row]),
                    rank_change=int(before[row] - ranks[row]) if known else None,
                    tier=TIERS[int(tiers[position])],
                    percentile=float(percentiles[position]),
                )
            )
        return rows

    def _home_trends(self) -> dict[str, HashtagTrend]:
        """Return hashtag -> trend, each among the posts of its home: the topic that most of its posts are of."""
        n = len(self._row_of)
        scopes = (self.snapshot.whole, *self.snapshot.by_topic)
        uses = np.stack([np.bincount(counts.hashtag, weights=counts.posts, minlength=n) for counts in scopes])
        best = uses[1:].argmax(axis=0) + 1 if len(scopes) > 1 else np.zeros(n, dtype=np.int64)
        home = np.where(uses[best, np.arange(n)] >= HOME_SHARE * np.maximum(uses[0], 1), best, 0)
        trends: dict[str, HashtagTrend] = {}
        for number, counts in enumerate(scopes):
            table = span_table(counts, n, self.snapshot.n_days, TREND_DAYS)
            for row in np.flatnonzero(table.supported & self._allowed & (home == number)).tolist():
                trends[self.snapshot.hashtags[row]] = HashtagTrend(_direction(table, row), float(table.ratio[row]))
        return trends


def span_table(counts: DatedCounts, n_hashtags: int, n_days: int, days: int) -> SpanTable:
    """Return what the formulas of this module give for each hashtag over the last ``days`` of ``n_days`` days."""
    start = n_days - days
    base = max(0, start - BASELINE_SPANS * days)
    posts = _posts_between(counts, n_hashtags, start, n_days)
    before = _posts_between(counts, n_hashtags, base, start)
    n_span = int(counts.posts_by_day[max(0, start) :].sum())
    n_before = int(counts.posts_by_day[base : max(0, start)].sum())
    expected = before * (n_span / max(1, n_before))
    ratio = (posts + SMOOTHING) / (expected + SMOOTHING)
    both = posts + before
    p = n_span / max(1, n_span + n_before)
    spread = np.sqrt(np.maximum(both * p * (1 - p), 1e-12))
    z = (posts - both * p) / spread
    supported = (both >= MIN_SUPPORT) & (n_span >= MIN_POSTS) & (n_before >= MIN_POSTS)
    up = (ratio >= CLEAR_RATIO) & (z >= CLEAR_Z)
    down = (ratio <= 1 / CLEAR_RATIO) & (z <= -CLEAR_Z)
    return SpanTable(posts, before, ratio, up.astype(np.int8) - down.astype(np.int8), supported)


def _posts_between(counts: DatedCounts, n_hashtags: int, start: int, end: int) -> Ints:
    inside = (counts.day >= start) & (counts.day < end)
    sums = np.bincount(counts.hashtag[inside], weights=counts.posts[inside], minlength=n_hashtags)
    return sums.astype(np.int64)


def _ranks(posts: Ints, allowed: NDArray[np.bool_]) -> Ints:
    """Return (n,) 1 and how many of the allowed have more posts."""
    rising = np.sort(posts[allowed])
    return np.asarray(1 + rising.size - np.searchsorted(rising, posts, side="right"), dtype=np.int64)


def _direction(table: SpanTable, row: int) -> Direction:
    names: tuple[Direction, Direction, Direction] = ("flat", "up", "down")
    return names[int(table.direction[row])]


def check_days(days: int) -> int:
    """Return ``days``.

    Raises:
        InvalidOption: not 1 to ``MAX_DAYS``.
    """
    if not 1 <= days <= MAX_DAYS:
        raise InvalidOption(f"{days} days cannot be looked at; 1 to {MAX_DAYS} can", field="days")
    return days


def trend_files(bundle: Path, refreshed: Path | None = None) -> tuple[Path, Path]:
    """Return where trends may lie: in a bundle, and beside it or in a file of the caller's."""
    return bundle / TRENDS_FILE, refreshed or bundle.parent / SNAPSHOT_FILE


class TrendShelf:
    """Files with trends, read when asked and again when they change. Safe to share between threads.

    Args:
        files: they may be there or not; of two with the same last day the later one of the list counts.
        now: the clock that ages are measured by.
        blocked: hashtag to the category it is blocked for, or None.

    Raises:
        BundleError: a file is there and holds no trends of this format.
    """

    def __init__(
        self, files: Sequence[Path] = (), *, now: UtcClock = utc_now, blocked: Blocked = nothing_blocked
    ) -> None:
        self._now = now
        self._blocked = blocked
        self._held = {file: (_mark(file), self._read(file)) for file in files}

    def newest(self) -> TrendBook | None:
        """Return the trends with the latest day, however old, or None where there are none."""
        books = [book for file in self._held if (book := self._book(file)) is not None]
        return max(reversed(books), key=lambda book: book.snapshot.as_of, default=None)

    def fresh(self) -> TrendBook | None:
        """Return the trends with the latest day when that is at most ``MAX_AGE_DAYS`` days ago, else None."""
        book = self.newest()
        return book if book is not None and self.is_fresh(book) else None

    def is_fresh(self, book: TrendBook) -> bool:
        """Return whether a book is of the last ``MAX_AGE_DAYS`` days; one from the future is not."""
        # A day ahead is another machine's clock, not an error.
        return -1 <= self.age_days(book) <= MAX_AGE_DAYS

    def age_days(self, book: TrendBook) -> int:
        """Return the days since the last day that a book counts."""
        return (self._now().astimezone(UTC).date() - book.snapshot.as_of).days

    def _book(self, file: Path) -> TrendBook | None:
        """Return what a file holds now; a file that broke since keeps what it held."""
        mark, book = self._held[file]
        # The mark first: a file that is replaced in between is then read once more, never once too few.
        if (found := _mark(file)) != mark:
            with suppress(BundleError):
                book = self._read(file)
            self._held[file] = found, book
        return book

    def _read(self, file: Path) -> TrendBook | None:
        try:
            return TrendBook(read_snapshot(file), self._blocked)
        except BundleMissing:
            return None


def _mark(file: Path) -> tuple[int, int, int] | None:
    """Return what changes when a file is replaced, or None where there is none."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
