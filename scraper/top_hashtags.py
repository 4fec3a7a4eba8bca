"""Which hashtags a platform itself puts first for a word, with the day it was asked.

Such a list is the platform's answer on one day to one visitor. It says what people look for there, not how often a
hashtag stands in the corpus; whoever shows it shows its date and its source beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Protocol

from core.clock import UtcClock, utc_now
from core.text.hashtags import normalise


@dataclass(frozen=True, slots=True)
class DayUse:
    """How much a hashtag was used on one day, as the platform counts.

    Attributes:
        day: ISO 8601 date (UTC).
        n_posts: posts with the hashtag that the platform knows of.
        n_accounts: accounts that used it.
    """

    day: str
    n_posts: int
    n_accounts: int


@dataclass(frozen=True, slots=True)
class RankedHashtag:
    """One line of a platform's answer, before it is normalised and dated.

    Attributes:
        raw: the hashtag as the platform writes it.
        n_posts: all posts under it, or None where the platform does not say.
        days: its use a day, newest first; empty where the platform does not say.
    """

    raw: str
    n_posts: int | None = None
    days: tuple[DayUse, ...] = ()


@dataclass(frozen=True, slots=True)
class TopHashtag:
    """A hashtag that a platform puts forward for a word.

    Attributes:
        hashtag: in normal form.
        rank: its position in the platform's list, from 1; entries that are not hashtags do not count.
        n_posts: all posts under it, or None where the platform does not say.
        days: its use a day, newest first; empty where the platform does not say.
        word: what was asked for; "" for the platform's trends.
        source: the platform's word for ``--source``.
        asked: ISO 8601 date and time (UTC) of the answer.
    """

    hashtag: str
    rank: int
    n_posts: int | None
    days: tuple[DayUse, ...]
    word: str
    source: str
    asked: str


class RanksHashtags(Protocol):
    """A source that can be asked which hashtags it puts first; ``instagram`` and ``mastodon`` can."""

    @property
    def name(self) -> str:
        """The word for ``--source``."""
        ...

    def ranked_hashtags(self, word: str) -> Sequence[RankedHashtag]:
        """Return the platform's hashtags for a word, best first; for "" its trends.

        Raises:
            CrawlError: as :meth:`scraper.port.PageSource.fetch`.
        """
        ...


def top_hashtags(source: RanksHashtags, word: str, *, limit: int = 50, now: UtcClock = utc_now) -> list[TopHashtag]:
    """Return at most ``limit`` hashtags that ``source`` puts first for ``word``, best first, each once.

    Args:
        source: whom to ask.
        word: a label, such as a topic's name; "" asks for the platform's trends.
        limit: how many to return at most.
        now: the clock that dates the answer.

    Raises:
        CrawlError: the platform did not answer: it wants an account, asks to slow down, refuses, or is away.
    """
    asked = now().astimezone(UTC).isoformat(timespec="seconds")
    kept: dict[str, RankedHashtag] = {}
    for ranked in source.ranked_hashtags(word):
        hashtag = normalise(ranked.raw)
        if hashtag is not None:
            kept.setdefault(hashtag, ranked)
    return [
        TopHashtag(hashtag, rank, ranked.n_posts, ranked.days, word, source.name, asked)
        for rank, (hashtag, ranked) in enumerate(list(kept.items())[: max(limit, 0)], 1)
    ]
