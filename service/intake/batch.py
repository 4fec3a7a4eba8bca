"""The body of a batch. Each of its posts is judged by itself: one bad post spoils no other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from starlette.requests import Request

from service.intake.bodies import Claim, parse_json, read_json, repeated_name
from service.intake.post import ReadRequest, post_of
from service.problems import invalid, printable_name
from service.schemas.requests import MAX_BATCH_BYTES, MAX_BATCH_POSTS, SuggestionRequest

# A hundred captions of 5,000 commas, and all the hashtags beside them. With twice as many objects Python
# collects garbage for so long that every other request feels it.
MAX_BATCH_MARKS = 600_000

FIELD = "posts"


class RepeatedName(dict[str, Any]):
    """An object in which a name is given twice; only the post that holds it is refused for it.

    Attributes:
        name: the one given twice.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


async def read_batch(request: Request, claim: Claim) -> list[object]:
    """Return the posts of one batch, each as JSON has it and not yet judged.

    Raises:
        Refusal: the body is not a batch, is too large, or holds no posts or too many.
        Overloaded: too many bytes of bodies are held already.
    """
    return await read_json(request, claim, posts_of, max_bytes=MAX_BATCH_BYTES)


def posts_of(body: bytes | bytearray) -> list[object]:
    """Return the posts in a batch's body.

    Raises:
        Refusal: it is not an object with a list of 1 to ``MAX_BATCH_POSTS`` posts and nothing else.
    """
    content = parse_json(body, "body", max_marks=MAX_BATCH_MARKS, make_object=_marked)
    if isinstance(content, RepeatedName):
        raise invalid(printable_name(content.name), "is given twice")
    if not isinstance(content, dict):
        raise invalid("", "must be a JSON object")
    for name in content:
        if name != FIELD:
            raise invalid(printable_name(name), "is not a known field")
    posts = content.get(FIELD)
    if not isinstance(posts, list) or not posts:
        raise invalid(FIELD, f"must be a list of 1 to {MAX_BATCH_POSTS} posts")
    if len(posts) > MAX_BATCH_POSTS:
        raise invalid(FIELD, f"holds {len(posts)} posts; at most {MAX_BATCH_POSTS} are answered at once")
    return posts


def read_item(item: object) -> ReadRequest[SuggestionRequest]:
    """Return one post of a batch, judged as it would be alone.

    Raises:
        Refusal: as for a post that comes alone.
    """
    repeated = _first_repeated(item)
    if repeated is not None:
        raise invalid(printable_name(repeated), "is given twice")
    if not isinstance(item, dict):
        raise invalid("", "must be a JSON object")
    return post_of(item)


def _marked(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    name = repeated_name(pairs)
    return dict(pairs) if name is None else RepeatedName(name)


def _first_repeated(value: object) -> str | None:
    """Return the path of a name that is given twice somewhere in ``value``, or None."""
    if isinstance(value, RepeatedName):
        return value.name
    children: Iterable[tuple[object, object]] = ()
    if isinstance(value, dict):
        children = value.items()
    elif isinstance(value, list):
        children = enumerate(value)
    for name, child in children:
        # Its path is spelt out once it is found: there may be a million places to look at.
        if isinstance(child, (dict, list)) and (inner := _first_repeated(child)) is not None:
            return f"{f'[{name}]' if isinstance(value, list) else name}{'' if inner.startswith('[') else '.'}{inner}"
    return None
