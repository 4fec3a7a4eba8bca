"""What callers send to and get from the calls that need the store: feedback, saved sets, and who they are."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from pydantic import ConfigDict, Field, JsonValue

from service.schemas.answers import Outgoing
from service.schemas.requests import Asking, Incoming

MAX_SET_HASHTAGS = 200
MAX_SPOKEN_OF = 100
MAX_SET_NAME = 64
SET_NAME = rf"^[A-Za-z0-9][A-Za-z0-9._-]{{0,{MAX_SET_NAME - 1}}}$"
SUGGESTION_EXAMPLE = "sg_01KA7V5T9G3RXQ4ZB6N8M2C0DE"
FEEDBACK_EXAMPLE: dict[str, JsonValue] = {
    "suggestion_id": SUGGESTION_EXAMPLE,
    "accepted": ["goldenretriever"],
    "rejected": ["dogmom"],
    "added": ["#MaxTheDog"],
}


class FeedbackRequest(Incoming):
    """What somebody did with a suggested list; of the three lists at least one holds a hashtag, and none is in two."""

    model_config = ConfigDict(json_schema_extra={"examples": [FEEDBACK_EXAMPLE]})

    suggestion_id: str = Field(max_length=64, description="of the answer, at most 30 days old")
    accepted: list[str] = Field(default=[], max_length=MAX_SPOKEN_OF, description="suggested, and used")
    rejected: list[str] = Field(default=[], max_length=MAX_SPOKEN_OF, description="suggested, and not wanted")
    added: list[str] = Field(default=[], max_length=MAX_SPOKEN_OF, description="not suggested, but used")


class FeedbackAnswer(Outgoing):
    """Feedback that will not be lost."""

    feedback_id: str = Field(description="DELETE /v1/feedback/{id} takes it back")
    suggestion_id: str
    state: Literal["stored", "kept"] = Field(
        description="`stored`: it counts from now on; `kept`: it counts once the database is back"
    )


class SetRequest(Incoming):
    """The hashtags of a set, in order."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"hashtags": ["goldenretriever", "#DogWalk"]}]})

    hashtags: list[str] = Field(min_length=1, max_length=MAX_SET_HASHTAGS)


class SetsQuery(Asking):
    """Which sets to list."""

    limit: int = Field(50, ge=1, le=100, description="sets on a page")
    cursor: str | None = Field(None, max_length=200, description="`next_cursor` of the page before")


class SavedSetAnswer(Outgoing):
    """A saved set; the header ETag names its version."""

    name: str
    hashtags: list[str] = Field(description="in normal form, each once")
    created: str
    updated: str


class ListedSet(SavedSetAnswer):
    """A saved set of a list."""

    etag: str = Field(description="what If-Match takes")


class SetList(Outgoing):
    """Saved sets by name."""

    sets: list[ListedSet]
    next_cursor: str | None = Field(description="for the next page; null on the last")


class RateLeft(Outgoing):
    """What is left of a key's rate."""

    per_minute: int
    remaining: int
    full_in_s: float = Field(description="seconds until the whole quota is there again")


class Me(Outgoing):
    """Who the caller is."""

    workspace: str
    key_id: str | None = Field(description="the public part of the key; null where the service has no keys")
    name: str | None
    scopes: list[str]
    expires: str | None
    rate: RateLeft | None = Field(description="null where there is no limit")


def shown_time(ms: int) -> str:
    """Return milliseconds since 1970 in the form of RFC 3339, UTC: "2026-11-22T09:30:00.125Z"."""
    return datetime.fromtimestamp(ms / 1000.0, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
