"""What a checked set of hashtags is answered with, as the OpenAPI shows it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from service.schemas.answers import (
    Confidence,
    FlaggedHashtag,
    HashtagPopularity,
    Outgoing,
    PlatformHashtags,
    Safety,
    Trend,
    Warned,
)

FitLevel = Literal["good", "fair", "poor", "unknown"]
SwapReason = Literal["not_a_hashtag", "duplicate", "blocked", "flagged", "platform_rule", "poor_fit"]


class Fit(Outgoing):
    """How well a hashtag fits image and caption."""

    level: FitLevel = Field(
        description="good: as high as the 20 best suggestions; fair: image, caption or the workspace's feedback speak "
        "for it; poor: none of them; "
        "unknown: neither bundle nor feedback knows it, or nothing is known about this post"
    )
    score: float | None = Field(description="on the scale of the suggestions of one answer; null when unknown")
    image: float | None = Field(description="what the image brings to the score; null without one")
    caption: float | None = Field(description="what the caption and its hashtags bring; null without one")
    because: list[str]


class CheckedHashtag(Outgoing):
    """One hashtag of the set."""

    given: str
    hashtag: str | None = Field(description="normal form; null when it is no hashtag")
    why_not: str | None = Field(description="why it is none")
    duplicate_of: int | None = Field(description="place of the first one with the same normal form")
    blocked: str | None = Field(description="the category for which this service never suggests it")
    display: str | None
    topic: str | None
    popularity: HashtagPopularity | None = Field(description="null when the bundle does not know it")
    trend: Trend | None
    flagged: FlaggedHashtag | None
    fit: Fit | None = Field(description="null without image and caption, and for what is no hashtag or blocked")


class Swap(Outgoing):
    """A hashtag to take out and one to put in its place."""

    take_out: int = Field(description="place in the request's `hashtags`")
    reason: SwapReason
    put_in: str
    display: str
    score: float
    because: list[str]


class CheckAnswer(Outgoing):
    """A set of hashtags, judged."""

    request_id: str
    bundle: str
    confidence: Confidence | None = Field(description="how much is known about the post; null when nothing was asked")
    hashtags: list[CheckedHashtag] = Field(description="in the order given")
    platforms: dict[str, PlatformHashtags] = Field(
        description="for each platform what of the set may go there, and what not by which rule"
    )
    swaps: list[Swap]
    safety: Safety
    warnings: list[Warned]
