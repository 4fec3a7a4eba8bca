"""What callers may send: fields, limits and examples, as the OpenAPI shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, JsonValue, Tag

from core.query import Routing, Scorer, Tier

# 15 MB in the decimal sense; the rest of a body (caption, hashtags, part headers) never comes near 1 MB.
MAX_IMAGE_BYTES = 15_000_000
MAX_FIELDS_BYTES = 1_000_000
MAX_MULTIPART_BYTES = MAX_IMAGE_BYTES + MAX_FIELDS_BYTES
MAX_JSON_BYTES = 4 * MAX_IMAGE_BYTES // 3 + MAX_FIELDS_BYTES
MAX_BATCH_BYTES = 64_000_000
MAX_BATCH_POSTS = 100
MAX_CAPTION_CHARACTERS = 5000
MAX_SEEDS = 30
MAX_SUGGESTIONS = 100
MAX_PLATFORMS = 20
MAX_EXCLUDED = 500
MAX_EVIDENCE_TOPICS = 100
MAX_EVIDENCE_CLASSES = 50
MAX_HASHTAG_CHARACTERS = 100


def _whole(value: object) -> object:
    """Read 20.0 as 20, as JSON Schema's "integer" does."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Limit = Annotated[int, Field(ge=1, le=MAX_SUGGESTIONS), BeforeValidator(_whole)]
Swaps = Annotated[int, Field(ge=0, le=20), BeforeValidator(_whole)]
Share = Annotated[int, Field(ge=0, le=MAX_SUGGESTIONS), BeforeValidator(_whole)]
Probability = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
Casing = Literal["lower", "pascal"]


class Incoming(BaseModel):
    """What a caller sends: unknown fields are refused, and no value is bent into another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Base64Image(Incoming):
    """The photograph itself."""

    base64: str = Field(
        max_length=4 * MAX_IMAGE_BYTES // 3 + 4,
        description=f"the file, base64 (RFC 4648, padded), at most {MAX_IMAGE_BYTES:,} bytes once decoded",
        json_schema_extra={"contentEncoding": "base64"},
    )


class UrlImage(Incoming):
    """Where the photograph is."""

    url: str = Field(
        max_length=2000,
        description="https, port 443, no credentials, a public host, or an origin that the operator allows; "
        "the service fetches it within 5 s and follows at most 3 redirects",
        examples=["https://cdn.example.com/photos/4711.jpg"],
    )


class SeenClass(Incoming):
    """One ImageNet class with its probability."""

    name: str = Field(min_length=1, max_length=200, description="as `classes` of an answer names it")
    p: Probability


class Evidence(Incoming):
    """What a classifier saw in the photograph."""

    topics: dict[str, Probability] = Field(
        min_length=1,
        max_length=MAX_EVIDENCE_TOPICS,
        description="probability of each topic of the bundle; those left out are 0; scaled to sum to 1",
    )
    classes: list[SeenClass] = Field(default=[], max_length=MAX_EVIDENCE_CLASSES)


class EvidenceImage(Incoming):
    """What a classifier saw, in place of the photograph."""

    evidence: Evidence


def _picture_way(value: object) -> str | None:
    given = value if isinstance(value, Mapping) else {}
    ways = [f"<{way}>" for way in ("base64", "url", "evidence") if way in given]
    return ways[0] if len(ways) == 1 else None


Picture = Annotated[
    Annotated[Base64Image, Tag("<base64>")]
    | Annotated[UrlImage, Tag("<url>")]
    | Annotated[EvidenceImage, Tag("<evidence>")],
    Discriminator(
        _picture_way,
        custom_error_type="picture",
        custom_error_message='must be exactly one of {"base64": …}, {"url": …} and {"evidence": …}',
    ),
]


class Mix(Incoming):
    """How many suggestions of each popularity tier."""

    broad: Share = 0
    mid: Share = 0
    niche: Share = 0

    def counts(self) -> dict[Tier, int]:
        """Return the tiers that were asked for."""
        return {"broad": self.broad, "mid": self.mid, "niche": self.niche}


class SuggestionOptions(Incoming):
    """How the answer is to be made; the `options` part of a multipart request."""

    limit: Limit = Field(20, description="suggestions wanted")
    exclude: list[str] = Field(default=[], max_length=MAX_EXCLUDED, description="hashtags never suggested")
    pin: list[str] = Field(
        default=[],
        max_length=MAX_SUGGESTIONS,
        description="hashtags always first, in this order; they count to `limit`",
    )
    topic: str | None = Field(
        None, min_length=1, max_length=100, description="a topic of the bundle; overrides the classifier"
    )
    routing: Routing = Field("soft", description="mixture of the topics, the best topic alone, or no topics")
    scorer: Scorer = Field(
        "learned",
        description="the learnt ranker, Word2Vec input-output, or mean-vector cosine; the last two, as published, rank "
        "by caption and seeds alone",
    )
    diversity: float = Field(0.2, ge=0, le=1, allow_inf_nan=False, description="weight of maximal marginal relevance")
    mix: Mix | None = Field(
        None,
        description="how many of each popularity tier; one that is left out gets none, and what is left of `limit` "
        "goes to the best of those named",
    )
    casing: Casing = Field("lower", description="`goldenretriever`, or `GoldenRetriever` for screen readers")
    language: str | None = Field(
        None,
        pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,8}$",
        max_length=60,
        description="BCP 47 code, or `any`; hashtags of another language rank lower; default: the caption's language",
        examples=["en", "pt-BR", "any"],
    )
    explain: bool = Field(True, description="whether `because` is filled")


REQUEST_EXAMPLE: dict[str, JsonValue] = {
    "caption": "Sunday walk with my best friend #happydog",
    "seeds": ["dog", "#GoldenRetriever"],
    "limit": 5,
    "platforms": ["instagram", "mastodon"],
    "casing": "pascal",
}


CHECK_EXAMPLE: dict[str, JsonValue] = {
    "hashtags": ["#Dog", "dog", "catsofinstagram", "123"],
    "caption": "Sunday walk with my best friend",
    "platforms": ["mastodon"],
}


class SuggestionRequest(SuggestionOptions):
    """One post to find hashtags for; of image, caption and seeds at least one."""

    model_config = ConfigDict(json_schema_extra={"examples": [REQUEST_EXAMPLE]})

    image: Picture | None = Field(None, description="the photograph")
    caption: str = Field(
        "",
        max_length=MAX_CAPTION_CHARACTERS,
        description="hashtags inside it count as seeds and are not suggested again",
    )
    seeds: list[str] = Field(
        default=[], max_length=MAX_SEEDS, description="hashtags, with or without #; ones that cannot be any are dropped"
    )
    platforms: list[str] = Field(
        default=[], max_length=MAX_PLATFORMS, description="a ready set for each; see /v1/platforms"
    )


class BatchRequest(Incoming):
    """Many posts at once; each is judged and answered by itself."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"posts": [REQUEST_EXAMPLE, {"caption": "Ramen night", "limit": 3}]}]}
    )

    posts: list[SuggestionRequest] = Field(min_length=1, max_length=MAX_BATCH_POSTS)


class CheckRequest(Incoming):
    """A set of hashtags to judge, beside the post that it is for."""

    model_config = ConfigDict(json_schema_extra={"examples": [CHECK_EXAMPLE]})

    hashtags: list[str] = Field(min_length=1, max_length=MAX_SUGGESTIONS, description="with or without #")
    image: Picture | None = Field(None, description="the photograph")
    caption: str = Field("", max_length=MAX_CAPTION_CHARACTERS)
    platforms: list[str] = Field(
        default=[], max_length=MAX_PLATFORMS, description="whose rules the set should keep; see /v1/platforms"
    )
    topic: str | None = Field(
        None, min_length=1, max_length=100, description="a topic of the bundle; overrides the classifier"
    )
    casing: Casing = Field("lower", description="how hashtags to put in are spelt")
    swaps: Swaps = Field(5, description="hashtags to put in, at most")


class Asking(BaseModel):
    """What stands in a query string: text that is read as what it says; unknown names are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CompletionQuery(Asking):
    """Which hashtags to list."""

    prefix: str = Field("", max_length=MAX_HASHTAG_CHARACTERS, description="with or without `#`; none lists them all")
    limit: int = Field(20, ge=1, le=MAX_SUGGESTIONS)
    cursor: str | None = Field(None, max_length=40, description="`next_cursor` of the page before")


class TrendingQuery(Asking):
    """Which trends to list."""

    topic: str | None = Field(None, min_length=1, max_length=100, description="a topic of the bundle; default: all")
    days: int = Field(7, ge=1, le=30, description="the span, compared with the four before it")
    limit: int = Field(20, ge=1, le=MAX_SUGGESTIONS, description="hashtags in each list, at most")
