"""What the service answers, as the OpenAPI shows it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from core.platforms import FactName
from core.query import Routing, Scorer, Tier
from core.suggestions import Direction, Level


class Outgoing(BaseModel):
    """What the service answers."""

    model_config = ConfigDict(frozen=True)


class ModelUsed(Outgoing):
    """How the list was made."""

    scorer: Scorer
    routing: Routing


class TopicProbability(Outgoing):
    """A topic and how likely it is."""

    topic: str
    probability: float


class ClassProbability(Outgoing):
    """An ImageNet class and how likely it is."""

    name: str
    probability: float


class Confidence(Outgoing):
    """How much the answer can be trusted; with `abstain` the list is the safe general one."""

    level: Level
    abstain: bool


class ScoreParts(Outgoing):
    """What each input brought; they sum to the score within 1e-4."""

    image: float
    caption: float
    seeds: float
    popularity: float
    workspace: float


class HashtagPopularity(Outgoing):
    """How often a hashtag is used in the bundle's corpus."""

    posts: int
    tier: Tier
    percentile: float


class Trend(Outgoing):
    """Which way a hashtag's use goes, by counts of the last 30 days."""

    direction: Direction
    ratio: float = Field(description="share of the last 7 days' posts against that of the 28 days before, smoothed")


class TrendCounts(Outgoing):
    """The dated counts that trends are told from."""

    snapshot: str
    as_of: str = Field(description="the last day that is counted, UTC")


class SuggestedHashtag(Outgoing):
    """One hashtag with the reasons for it."""

    hashtag: str
    display: str
    score: float
    topic: str | None
    parts: ScoreParts
    because: list[str]
    popularity: HashtagPopularity
    trend: Trend | None = Field(None, description="null while the bundle holds no counts of the last 30 days")


class LeftOut(Outgoing):
    """A hashtag that a platform's set leaves out, and by which rule."""

    hashtag: str
    rule: str


class PlatformHashtags(Outgoing):
    """A set that is ready for one platform."""

    hashtags: list[str]
    text: str
    characters: int
    left_out: list[LeftOut]


class FlaggedHashtag(Outgoing):
    """A hashtag that somebody restricts, with the dated source for it."""

    hashtag: str
    status: str
    source: str
    as_of: str


class Safety(Outgoing):
    """What to look at before posting."""

    flagged: list[FlaggedHashtag]


class Warned(Outgoing):
    """Something that was dropped or filled up, and why."""

    code: str
    detail: str
    field: str | None = None


class SuggestionAnswer(Outgoing):
    """A ranked, explained list of hashtags."""

    request_id: str
    suggestion_id: str
    bundle: str
    model: ModelUsed
    topics: list[TopicProbability] = Field(
        description="most probable first; a picture's sum to 1, a text's to at most 1: the rest is none of them"
    )
    classes: list[ClassProbability]
    confidence: Confidence
    suggestions: list[SuggestedHashtag]
    platforms: dict[str, PlatformHashtags]
    safety: Safety
    trends: TrendCounts | None = Field(None, description="null while there are no counts of the last 30 days")
    warnings: list[Warned]


class TopicList(Outgoing):
    """The topics of the bundle, in the classifier's order."""

    bundle: str
    topics: list[str]


class PlatformFact(Outgoing):
    """One rule with its source and the day that it was read or set; `confirmed` when the platform itself says so."""

    rule: FactName
    value: int | dict[str, str | int]
    source: str
    as_of: str | None
    confirmed: bool


class PlatformEntry(Outgoing):
    """What is known about one platform; a rule that is missing is unknown, which is no limit."""

    platform: str
    title: str
    counting: str = Field(description="what a platform counts as one character")
    inline: bool = Field(description="whether hashtags stand in the text and use up its length")
    rules: list[PlatformFact]
    notes: list[str]


class PlatformList(Outgoing):
    """The rules that ready sets keep."""

    platforms: list[PlatformEntry]


class BundleCard(Outgoing):
    """What trained the bundle, on what, and how well it does."""

    bundle: str
    created: str
    format_version: int
    topics: list[str]
    counts: dict[str, int]
    licences: list[dict[str, str]]
    metrics: dict[str, Any] = Field(description="figures of the bundle's own evaluation, with intervals")
    card: str = Field(description="the model card, Markdown")


class Limits(Outgoing):
    """How much may be sent and asked for."""

    image_bytes: int
    image_megapixels: int
    image_formats: list[str]
    json_body_bytes: int
    multipart_body_bytes: int
    caption_characters: int
    hashtag_characters: int
    seeds: int
    suggestions: int
    platforms: int
    exclude: int
    pin: int
    batch_posts: int
    batch_body_bytes: int
    check_hashtags: int
    feedback_hashtags: int = Field(description="in each of its lists")
    set_hashtags: int
    sets: int = Field(description="of a workspace")
    small_body_bytes: int = Field(description="of feedback and of a set")
    header_bytes: int
    image_url_s: float
    image_url_redirects: int
    requests_inside: int
    deadline_s: float
    batch_deadline_s: float


class Health(Outgoing):
    """How the service is."""

    status: Literal["ok", "ready"]
    bundle: str | None = None
    warnings: list[Warned] | None = Field(None, description="what an operator should look at all the same")


class ProblemField(Outgoing):
    """What is wrong with one field."""

    field: str
    message: str
    value: str | int | float | bool | None = None


class Problem(Outgoing):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    errors: list[ProblemField] | None = None


class BatchEntry(Outgoing):
    """One post of a batch: its answer, or the problem in its place."""

    index: int = Field(description="place in the request's `posts`, from 0")
    answer: SuggestionAnswer | None = Field(None, description="absent when there is a problem")
    problem: Problem | None = Field(None, description="absent when there is an answer")


class BatchAnswer(Outgoing):
    """The entries of a batch, in the order of its posts."""

    request_id: str
    results: list[BatchEntry]
