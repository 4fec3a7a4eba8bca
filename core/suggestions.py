"""What a recommender answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from core.query import Tier

Level = Literal["high", "medium", "low"]
Direction = Literal["up", "flat", "down"]


@dataclass(frozen=True, slots=True)
class Parts:
    """How much of a suggestion's score each input brought; they add up to the score within 1e-4.

    The ranker's base value counts to ``popularity``; the part of an absent input is exactly 0.
    """

    image: float = 0.0
    caption: float = 0.0
    seeds: float = 0.0
    popularity: float = 0.0
    workspace: float = 0.0

    def total(self) -> float:
        """The score that the parts add up to."""
        return self.image + self.caption + self.seeds + self.popularity + self.workspace


@dataclass(frozen=True, slots=True)
class Popularity:
    """How often a hashtag is used in the bundle's corpus.

    Attributes:
        posts: training posts that carry it, at least 3.
        tier: broad, mid or niche.
        percentile: share of the vocabulary that is used less, 0 to 1.
    """

    posts: int
    tier: Tier
    percentile: float


@dataclass(frozen=True, slots=True)
class HashtagTrend:
    """Which way a hashtag's use goes.

    Attributes:
        direction: up, flat or down.
        ratio: its share of the posts of the last days against that of the weeks before, smoothed; 1 is no change.
    """

    direction: Direction
    ratio: float


@dataclass(frozen=True, slots=True)
class TrendSource:
    """Where trends come from.

    Attributes:
        snapshot: the name of the counts.
        as_of: the last day that they count, UTC.
        corpus: what was counted, in words for a reader.
        sources: posts counted, by where they were collected.
    """

    snapshot: str
    as_of: date
    corpus: str
    sources: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One hashtag with the reasons for it.

    Attributes:
        hashtag: normal form, without ``#``.
        display: PascalCase form ("GoldenRetriever") for screen readers.
        score: the ranker's score; any finite number, comparable within one answer only.
        topic: the topic that the hashtag is most used in, or None.
        because: reasons in words, the weightiest first; each names evidence that was really used.
        trend: which way its use goes, or None where counts of the last 30 days do not tell.
    """

    hashtag: str
    display: str
    score: float
    topic: str | None
    parts: Parts
    because: tuple[str, ...]
    popularity: Popularity
    trend: HashtagTrend | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the caller should know; ``code`` is stable, ``field`` names a field or is None."""

    code: str
    detail: str
    field: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A ranked, explained list of hashtags.

    Attributes:
        suggestions: in final order (pins first; after diversity and mixes scores need not fall).
        topics: (topic, probability) pairs, most probable first; empty with routing "global". A picture's sum to 1;
            those of a text to at most 1, the rest being that it is about none of them.
        classes: (ImageNet class name, probability) pairs of the picture, most probable first.
        level: how much the answer can be trusted.
        abstain: whether topics and scores both say that nothing is known; the list is then the safe general one.
        warnings: what was dropped or filled up, and why.
        trends: where the suggestions' trends come from, or None while there are no counts of the last 30 days.
    """

    suggestions: tuple[Suggestion, ...]
    topics: tuple[tuple[str, float], ...]
    classes: tuple[tuple[str, float], ...]
    level: Level
    abstain: bool
    warnings: tuple[Notice, ...] = ()
    trends: TrendSource | None = None
