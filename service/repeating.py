"""POSTs that may be sent again: with an Idempotency-Key the same request gets the same answer for a day."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from core.errors import StoreUnavailable
from service.intake import invalid
from service.problems import Refusal
from service.store.repeats import Lease, Repeats, StoredAnswer

HEADER = "Idempotency-Key"
KEY = re.compile(r"[\x21-\x7e]{1,255}")
LEASE_SLACK_S = 20.0
PARAMETER: dict[str, Any] = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": "the same key with the same body gets the same answer for 24 hours",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}


def idempotency_key(request: Request) -> str | None:
    """Return the key that a request names, or None.

    Raises:
        Refusal: it has not the form of one.
    """
    given = request.headers.getlist(HEADER)
    if len(given) > 1:
        raise invalid(HEADER, "is given twice")
    if given and not KEY.fullmatch(given[0]):
        raise invalid(HEADER, "must be 1 to 255 visible ASCII characters")
    return given[0] if given else None


def digest_of(*parts: bytes) -> bytes:
    """Return what tells one request from another: its route and what it means, not how its body was framed."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(len(part).to_bytes(8, "big") + part)
    return whole.digest()


async def once(
    request: Request, digest: Callable[[], bytes], work: Callable[[], Awaitable[Response]], *, deadline_s: float
) -> Response:
    """Return what ``work`` answers, or what it answered when the same key came with the same request before.

    Only answers are kept: what was refused is judged anew. Without a key, or while the database is away, ``work`` is
    done each time.

    Raises:
        Refusal: ``conflict``, when the key came with another request, or the first one still runs.
    """
    key = idempotency_key(request)
    if key is None:
        return await work()
    repeats: Repeats = request.app.state.books.repeats
    try:
        taken = await repeats.take(request.state.caller.workspace, key, digest(), deadline_s + LEASE_SLACK_S)
    except StoreUnavailable:
        return await work()
    if isinstance(taken, StoredAnswer):
        return Response(taken.body, status_code=taken.status, media_type=taken.media_type)
    if not isinstance(taken, Lease):
        why = "came with another request" if taken == "other" else "is still being answered"
        raise Refusal("conflict", f"This {HEADER} {why}.")
    try:
        answer = await work()
    except BaseException:
        with suppress(StoreUnavailable):
            await repeats.give_up(taken)
        raise
    with suppress(StoreUnavailable):
        stored = StoredAnswer(answer.status_code, answer.media_type or "application/json", bytes(answer.body))
        await repeats.finish(taken, stored)
    return answer
