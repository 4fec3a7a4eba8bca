"""What look-ups answer, as the OpenAPI shows it."""

from __future__ import annotations

from pydantic import Field

from core.query import Tier
from core.suggestions import Direction
from service.schemas.answers import FlaggedHashtag, HashtagPopularity, Outgoing, Trend, TrendCounts


class ListedHashtag(Outgoing):
    """One hashtag of a list."""

    hashtag: str
    display: str
    topic: str | None = Field(description="the topic that it is used in most beyond its use at large")
    popularity: HashtagPopularity


class HashtagList(Outgoing):
    """A page of hashtags, most used first."""

    bundle: str
    hashtags: list[ListedHashtag]
    next_cursor: str | None = Field(description="for the next page; null on the last one")


class TopicShare(Outgoing):
    """How much of a hashtag's use a topic has."""

    topic: str
    share: float


class RelatedHashtag(Outgoing):
    """A hashtag near another."""

    hashtag: str
    display: str
    strength: float = Field(description="0 to 1; by use: cosine of the two sets of posts; by meaning: of two vectors")


class RelatedHashtags(Outgoing):
    """Hashtags that are used with one, and that mean about the same; strongest first."""

    by_use: list[RelatedHashtag]
    by_meaning: list[RelatedHashtag]


class HashtagCard(Outgoing):
    """All that is known of one hashtag."""

    bundle: str
    hashtag: str
    display: str
    popularity: HashtagPopularity
    topic: str | None
    topics: list[TopicShare] = Field(description="largest share first; what is missing to 1 is of no topic")
    related: RelatedHashtags
    trend: Trend | None = Field(description="null without posts enough, or without counts of the last 30 days")
    trends: TrendCounts | None = Field(description="the counts that `trend` is told from")
    flagged: FlaggedHashtag | None = Field(description="null unless the operator's file of flags names it")


class TrendSnapshotCard(Outgoing):
    """The dated counts at hand."""

    snapshot: str
    as_of: str = Field(description="the last day that is counted, UTC")
    fresh: bool = Field(description="whether that is of the last 30 days; nothing is told from older counts")
    corpus: str = Field(description="what was counted, in words")
    sources: dict[str, int] = Field(description="posts counted, by where they were collected")


class TrendingEntry(Outgoing):
    """A hashtag over the span that was asked for."""

    hashtag: str
    display: str
    posts: int = Field(description="in the span")
    baseline_posts: int = Field(description="in the four spans before")
    ratio: float = Field(description="share of the posts against that of the four spans before, smoothed")
    direction: Direction | None = Field(description="null without posts enough to tell")
    rank: int = Field(description="by posts in the span, from 1")
    rank_change: int | None = Field(description="places climbed; null for one that is new")
    tier: Tier


class Trending(Outgoing):
    """What rises and what is used most."""

    bundle: str
    topic: str | None
    days: int
    snapshot: TrendSnapshotCard | None = Field(description="null while there are no dated counts at all")
    rising: list[TrendingEntry]
    top: list[TrendingEntry]
