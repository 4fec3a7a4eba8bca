"""Which hashtags rise and fall, from the dated counts of one snapshot.

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

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from core.errors import InvalidOption
from core.query import Tier
from core.suggestions import Direction, Trend, TrendSource
from core.trend_snapshot import DatedCounts, TrendSnapshot
from recommend.catalogue.tiers import TIERS, percentiles_of, tiers_of

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
"""And at least this many standard deviations from no change: one in twenty by chance, both directions together."""
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
        rank: place by posts in the span, from 1; equal counts share a rank.
        rank_change: places climbed since the baseline, negative when fallen; None for one that the baseline lacks.
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
    """Look-ups over one snapshot. Holds no state that a request changes; safe to share between threads."""

    def __init__(self, snapshot: TrendSnapshot, blocked: Callable[[str], str | None] = lambda _: None) -> None:
        """Index a snapshot.

        Args:
            snapshot: the counts.
            blocked: hashtag to the category it is blocked for, or None; blocked ones are never answered.
        """
        self.snapshot = snapshot
        self.source = TrendSource(snapshot.name, snapshot.as_of, snapshot.corpus, snapshot.sources)
        self._row_of = {tag: row for row, tag in enumerate(snapshot.hashtags)}
        self._allowed = np.array([blocked(tag) is None for tag in snapshot.hashtags], dtype=np.bool_)
        self._by_topic = {one.topic: one for one in snapshot.by_topic}
        self._trends = self._home_trends()

    def trend(self, hashtag: str) -> Trend | None:
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

    def history(self, hashtag: str, topic: str | None, days: int) -> tuple[tuple[date, int], ...]:
        """Return (day, posts) of a hashtag over the span, oldest first, days without posts left out.

        A day with one post is told with the next one, so a count may hold a post of the days before it.

        Raises:
            InvalidOption: ``days`` is out of range.
        """
        counts, row = self._counts(topic), self._row_of.get(hashtag)
        first = self.snapshot.n_days - check_days(days)
        if counts is None or row is None or not self._allowed[row]:
            return ()
        cells = np.flatnonzero((counts.hashtag == row) & (counts.day >= first))
        cells = cells[np.argsort(counts.day[cells], kind="stable")]
        return tuple(
            (self.snapshot.first_day + timedelta(days=int(counts.day[cell])), int(counts.posts[cell])) for cell in cells
        )

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
        for place, row in enumerate(used.tolist()):
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
                    tier=TIERS[int(tiers[place])],
                    percentile=float(percentiles[place]),
                )
            )
        return rows

    def _home_trends(self) -> dict[str, Trend]:
        """Return hashtag -> trend, each among the posts of its home: the topic that most of its posts are of."""
        n = len(self._row_of)
        scopes = (self.snapshot.whole, *self.snapshot.by_topic)
        uses = np.stack([np.bincount(one.hashtag, weights=one.posts, minlength=n) for one in scopes])
        best = uses[1:].argmax(axis=0) + 1 if len(scopes) > 1 else np.zeros(n, dtype=np.int64)
        home = np.where(uses[best, np.arange(n)] >= HOME_SHARE * np.maximum(uses[0], 1), best, 0)
        trends: dict[str, Trend] = {}
        for number, counts in enumerate(scopes):
            table = span_table(counts, n, self.snapshot.n_days, TREND_DAYS)
            for row in np.flatnonzero(table.supported & self._allowed & (home == number)).tolist():
                trends[self.snapshot.hashtags[row]] = Trend(_direction(table, row), float(table.ratio[row]))
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
