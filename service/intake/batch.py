"""The body of a batch: read whole within its bound, each post judged by itself: one bad post spoils no other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from anyio import to_thread
from starlette.requests import Request

from service.intake.budget import Claim
from service.intake.post import ReadPost, is_json, load_json, read_body, read_fields
from service.problems import Refusal, invalid, shown_name
from service.schemas.requests import MAX_BATCH_BYTES, MAX_BATCH_POSTS

# A hundred captions of 5,000 commas, and all the hashtags beside them. With twice as many objects Python
# collects garbage for so long that every other request feels it.
MAX_BATCH_MARKS = 600_000

FIELD = "posts"


class Doubled(dict[str, Any]):
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
        Refusal: the body is no batch, too large, or holds no or too many posts.
        Overloaded: too many bytes of bodies are held already.
    """
    if not is_json(request):
        raise Refusal("unsupported_content_type", "Send application/json.")
    body = await read_body(request, claim, MAX_BATCH_BYTES)
    return await to_thread.run_sync(posts_of, body)


def posts_of(body: bytes | bytearray) -> list[object]:
    """Return the posts in a batch's body.

    Raises:
        Refusal: it is no object with a list of 1 to ``MAX_BATCH_POSTS`` posts and nothing else.
    """
    content = load_json(body, "body", max_marks=MAX_BATCH_MARKS, once=_marked)
    if isinstance(content, Doubled):
        raise invalid(shown_name(content.name), "is given twice")
    if not isinstance(content, dict):
        raise invalid("", "must be a JSON object")
    for name in content:
        if name != FIELD:
            raise invalid(shown_name(name), "is not a known field")
    posts = content.get(FIELD)
    if not isinstance(posts, list) or not posts:
        raise invalid(FIELD, f"must be a list of 1 to {MAX_BATCH_POSTS} posts")
    if len(posts) > MAX_BATCH_POSTS:
        raise invalid(FIELD, f"holds {len(posts)} posts; at most {MAX_BATCH_POSTS} are answered at once")
    return posts


def read_item(item: object) -> ReadPost:
    """Return one post of a batch, judged as it would be alone.

    Raises:
        Refusal: as for a post that comes alone.
    """
    doubled = _first_doubled(item)
    if doubled is not None:
        raise invalid(shown_name(doubled), "is given twice")
    if not isinstance(item, dict):
        raise invalid("", "must be a JSON object")
    return read_fields(item)


def _marked(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            return Doubled(name)
        seen.add(name)
    raise AssertionError("fewer names than pairs, and none twice")


def _first_doubled(value: object) -> str | None:
    """Return the path of a name that is given twice somewhere in ``value``, or None."""
    if isinstance(value, Doubled):
        return value.name
    children: Iterable[tuple[object, object]] = ()
    if isinstance(value, dict):
        children = value.items()
    elif isinstance(value, list):
        children = enumerate(value)
    for name, child in children:
        # Its path is spelt out once it is found: there may be a million places to look at.
        if isinstance(child, (dict, list)) and (inner := _first_doubled(child)) is not None:
            return f"{f'[{name}]' if isinstance(value, list) else name}{'' if inner.startswith('[') else '.'}{inner}"
    return None
