"""Counts the hashtags of a corpus by day: the trends of a bundle, or those refreshed beside it."""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from core.posts import Post
from core.text.blocklist import Blocklist
from core.text.caption import caption_words
from core.trend_snapshot import MIN_CELL, DatedCounts, SearchedHashtags, TrendSnapshot

MIN_POSTS = 3
MIN_AUTHORS = 3
N_DAYS = 150
"""Days that a snapshot counts: the longest span of 30 days and the four such spans before it."""

Ints = NDArray[np.int64]
Posts = Callable[[], Iterable[Post]]
"""Called, it yields all posts from the start, each time."""


@dataclass(slots=True)
class TrendTally:
    """What counting found, filled on the way.

    Attributes:
        counted: posts that count, by source.
        left_out: posts that do not, by reason.
    """

    counted: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)


def count_trends(
    posts: Posts,
    lexicon: Mapping[str, frozenset[str]],
    blocklist: Blocklist,
    *,
    corpus: str,
    now: datetime,
    tally: TrendTally,
    searched: Sequence[SearchedHashtags] = (),
) -> TrendSnapshot | None:
    """Return the dated counts of ``posts``, or None where no day has two of them.

    A post counts on its day in UTC, once for each of its hashtags, and for every topic that its hashtags or the
    hashtag it was found under mark. It does not count for the hashtag it was found under: that one is there because it
    was asked for. Of equal posts of one author (same hashtags, same words) the first counts. Posts without a time, of a
    later time than ``now``, or older than ``N_DAYS`` days before the last day do not count. The last day is the newest
    on which the posts so far make two.

    Reads the posts twice and holds no post in memory.
    """
    by_day: Counter[date] = Counter()
    for day, _ in _dated(posts(), now, TrendTally()):
        by_day[day] += 1
    last = _last_day(by_day)
    if last is None:
        return None
    first = last - timedelta(days=N_DAYS - 1)
    topics = tuple(lexicon)
    marks: dict[str, list[int]] = {}
    for number, topic in enumerate(topics, start=1):
        for tag in lexicon[topic]:
            marks.setdefault(tag, []).append(number)
    counter = _Counter(1 + len(topics))
    seen: set[bytes] = set()
    for day, post in _dated(posts(), now, tally):
        if not first <= day <= last:
            tally.left_out["outside the days that are counted"] += 1
            continue
        mark = _content_mark(post)
        if mark is not None and mark in seen:
            tally.left_out["equal to an earlier post of its author"] += 1
            continue
        if mark is not None:
            seen.add(mark)
        tally.counted[post.source] += 1
        found_under = () if post.query_tag is None else (post.query_tag,)
        scopes = {0, *(number for tag in (*post.hashtags, *found_under) for number in marks.get(tag, ()))}
        if post.topic in topics:
            scopes.add(1 + topics.index(post.topic))
        tags = [tag for tag in post.hashtags if tag not in found_under and blocklist.blocked(tag) is None]
        counter.add((day - first).days, scopes, tags, post.author)
    return counter.snapshot(last, topics, corpus, tally.counted, searched)


def carry_single_posts(posts_by_day: Ints) -> Ints:
    """Return (n_days,) counts without a 1: a day's single post is counted with the next day that has any.

    Over any span of days the sum differs from that of ``posts_by_day`` by at most one, which is why a trend may be
    computed from it.
    """
    carried = np.zeros_like(posts_by_day)
    waiting = 0
    for day in np.flatnonzero(posts_by_day).tolist():
        waiting += int(posts_by_day[day])
        if waiting >= MIN_CELL:
            carried[day], waiting = waiting, 0
    return carried


class _Counter:
    """Counts (scope, hashtag, day); keeps 8 bytes for each use of a hashtag in each of its post's scopes."""

    def __init__(self, n_scopes: int) -> None:
        self._n_scopes = n_scopes
        self._ids: dict[str, int] = {}
        self._posts_by_day = np.zeros((n_scopes, N_DAYS), dtype=np.int64)
        self._uses = array("q")
        self._authors: dict[int, tuple[int, ...]] = {}

    def add(self, day: int, scopes: Iterable[int], tags: Sequence[str], author: str | None) -> None:
        """Count one post."""
        who = None if author is None else hash(author)
        ids = [self._ids.setdefault(tag, len(self._ids)) for tag in tags]
        for scope in scopes:
            self._posts_by_day[scope, day] += 1
            for number in ids:
                cell = number * self._n_scopes + scope
                self._uses.append(cell * N_DAYS + day)
                known = self._authors.get(cell, ())
                # An unknown author counts as one more; three are all that is asked for.
                if len(known) < MIN_AUTHORS and (who is None or who not in known):
                    self._authors[cell] = (*known, -1 - len(known) if who is None else who)

    def snapshot(
        self,
        last: date,
        topics: tuple[str, ...],
        corpus: str,
        sources: Mapping[str, int],
        searched: Sequence[SearchedHashtags],
    ) -> TrendSnapshot:
        """Return what was counted, within the limits."""
        keys, counts = np.unique(np.frombuffer(self._uses, dtype=np.int64), return_counts=True)
        cells, days = np.divmod(keys, N_DAYS)
        starts = np.flatnonzero(np.diff(cells, prepend=-1))
        found: list[list[tuple[str, int, int]]] = [[] for _ in range(self._n_scopes)]
        names = list(self._ids)
        for start, end in zip(starts.tolist(), [*starts[1:].tolist(), len(cells)], strict=True):
            cell = int(cells[start])
            if counts[start:end].sum() < MIN_POSTS or len(self._authors[cell]) < MIN_AUTHORS:
                continue
            row = np.zeros(N_DAYS, dtype=np.int64)
            row[days[start:end]] = counts[start:end]
            carried = carry_single_posts(row)
            tag, scope = names[cell // self._n_scopes], cell % self._n_scopes
            found[scope] += [(tag, day, int(carried[day])) for day in np.flatnonzero(carried).tolist()]
        tags = tuple(sorted({tag for tag, _, _ in found[0]}))
        row_of = {tag: row for row, tag in enumerate(tags)}
        scopes = [
            _dated_counts(topic, carry_single_posts(self._posts_by_day[number]), found[number], row_of)
            for number, topic in enumerate((None, *topics))
        ]
        return TrendSnapshot(
            last, N_DAYS, corpus, dict(sorted(sources.items())), tags, scopes[0], tuple(scopes[1:]), tuple(searched)
        )


def _dated_counts(
    topic: str | None, posts_by_day: Ints, cells: list[tuple[str, int, int]], row_of: Mapping[str, int]
) -> DatedCounts:
    rows = np.array(sorted((row_of[tag], day, n) for tag, day, n in cells), dtype=np.int64).reshape(-1, 3)
    hashtag, day, posts = rows.T
    return DatedCounts(topic, posts_by_day, hashtag=hashtag, day=day, posts=posts)


def _dated(posts: Iterable[Post], now: datetime, tally: TrendTally) -> Iterator[tuple[date, Post]]:
    """Yield (day in UTC, post) of the posts that have a time up to ``now``."""
    for post in posts:
        if post.time is None:
            tally.left_out["without a time"] += 1
            continue
        try:
            instant = datetime.fromisoformat(post.time)
            instant = instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
        except (ValueError, OverflowError):
            tally.left_out["without a readable time"] += 1
            continue
        if instant > now:
            tally.left_out["of a time in the future"] += 1
        else:
            yield instant.date(), post


def _last_day(by_day: Mapping[date, int]) -> date | None:
    """Return the last day that has a count when single posts are carried on, as ``carry_single_posts`` does."""
    last, waiting = None, 0
    for day in sorted(by_day):
        waiting += by_day[day]
        if waiting >= MIN_CELL:
            last, waiting = day, 0
    return last


def _content_mark(post: Post) -> bytes | None:
    """Return what equal posts share, or None where equality says nothing: hashtags alone, of nobody known."""
    words = caption_words(post.caption)
    if post.author is None and not words:
        return None
    content = "\n".join((post.author or "", *sorted(post.hashtags), "", *words))
    return hashlib.blake2b(content.encode(), digest_size=12).digest()
