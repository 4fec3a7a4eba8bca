"""Posts with times, and snapshots of trends, made up."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

import numpy as np

from core.posts import Post
from core.trend_snapshot import DatedCounts, TrendSnapshot

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TODAY = NOW.date()
LEXICON = {"pets": frozenset({"dog", "cat"}), "food": frozenset({"pasta", "pizza"})}
Uses = Mapping[str, Mapping[int, int]]
"""Hashtag -> days before the last day -> posts."""


def dated_post(number: int, days_ago: float, hashtags: tuple[str, ...], **others: object) -> Post:
    """Return a post of ``days_ago`` days before ``NOW``, by an author of its own unless told otherwise."""
    fields: dict[str, object] = {
        "author": f"author {number}",
        "time": (NOW - timedelta(days=days_ago)).isoformat(),
        "caption": "".join(chr(ord("a") + int(digit)) for digit in str(number)),  # a word of its own
    }
    return Post(post_id=str(number), source="toy", hashtags=hashtags, **{**fields, **others})  # type: ignore[arg-type]


def drawn_posts(n: int, seed: int, n_days: int = 60) -> list[Post]:
    """Return ``n`` posts of random days, with hashtags of which some go up and some come down."""
    chance = random.Random(seed)
    posts = []
    for number in range(n):
        ago = chance.randrange(n_days) + 0.3
        tags = set(chance.sample(["dog", "cat", "pasta", "pizza", "love", "sky", "photo"], 3))
        if chance.random() < (0.5 if ago < 7 else 0.1):
            tags.add("puppy")
        if chance.random() < (0.1 if ago < 7 else 0.5):
            tags.add("pumpkin")
        query = chance.choice([None, *sorted(tags)])
        author = chance.choice([None, *(f"a{number}" for number in range(30))])
        posts.append(dated_post(number, ago, tuple(sorted(tags)), author=author, query_tag=query))
    return posts


def counts_of(uses: Uses, posts_by_day: Mapping[int, int], n_days: int, topic: str | None = None) -> DatedCounts:
    """Return dated counts with these cells; a day is given as the number of days before the last."""
    names = sorted(uses)
    cells = sorted((names.index(tag), n_days - 1 - ago, n) for tag, days in uses.items() for ago, n in days.items())
    columns = np.array(cells, dtype=np.int64).reshape(-1, 3)
    totals = np.zeros(n_days, dtype=np.int64)
    for ago, n in posts_by_day.items():
        totals[n_days - 1 - ago] = n
    return DatedCounts(topic, totals, columns[:, 0], columns[:, 1], columns[:, 2])


def snapshot_of(
    uses: Uses, *, as_of: date = TODAY, a_day: int = 100, n_days: int = 150, topics: tuple[str, ...] = ()
) -> TrendSnapshot:
    """Return a snapshot with ``a_day`` posts on each day, whole and the same for each topic."""
    every_day = dict.fromkeys(range(n_days), a_day)
    whole = counts_of(uses, every_day, n_days)
    by_topic = tuple(counts_of(uses, every_day, n_days, topic) for topic in topics)
    return TrendSnapshot(as_of, n_days, "made up", {"toy": a_day * n_days}, tuple(sorted(uses)), whole, by_topic)
