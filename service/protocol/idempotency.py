"""POSTs that may be sent again: with an Idempotency-Key the same request gets the same answer for a day."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from core.errors import StoreUnavailable
from service.protocol.fields import invalid
from service.protocol.problems import Refusal
from service.store.idempotency import IdempotencyRecords, Lease, StoredAnswer

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


class IdempotencyLock:
    """The right to do the work of one request; without a key, everyone's."""

    def __init__(self, idempotency: IdempotencyRecords, lease: Lease | None) -> None:
        self._repeats = idempotency
        self._lease = lease

    @property
    def answer_counts(self) -> bool:
        """Whether what is answered will be answered again."""
        return self._lease is not None

    async def keep(self, answer: StoredAnswer) -> None:
        """Have the answer given again; while the database is away, the work is done again."""
        if self._lease is not None:
            with suppress(StoreUnavailable):
                await self._repeats.finish(self._lease, answer)
            self._lease = None

    async def give_up(self) -> None:
        """Let the next request begin anew, unless this one's answer is kept."""
        if self._lease is not None:
            with suppress(StoreUnavailable):
                await self._repeats.give_up(self._lease)
            self._lease = None


async def lock_of(request: Request, digest: Callable[[], bytes], *, deadline_s: float) -> IdempotencyLock | Response:
    """Return the right to answer ``request``, or the answer that its key and it were given before.

    Only answers are kept: what was refused is judged anew. Without a key, or while the database is away, it is always
    the right.

    Args:
        request: that may carry a key.
        digest: tells this request from another one with the same key.
        deadline_s: after which whoever got the right has surely finished.

    Raises:
        Refusal: ``conflict``, when the key came with another request, or the first one still runs.
    """
    idempotency: IdempotencyRecords = request.app.state.repositories.idempotency
    key = idempotency_key(request)
    if key is None:
        return IdempotencyLock(idempotency, None)
    try:
        asked = await to_thread.run_sync(digest)  # of a batch that is 64 MB
        taken = await idempotency.take(request.state.caller.workspace, key, asked, deadline_s + LEASE_SLACK_S)
    except StoreUnavailable:
        return IdempotencyLock(idempotency, None)
    if isinstance(taken, Lease):
        return IdempotencyLock(idempotency, taken)
    if isinstance(taken, StoredAnswer):
        return Response(taken.body, status_code=taken.status, media_type=taken.media_type)
    why = "came with another request" if taken == "other" else "is still being answered"
    raise Refusal("conflict", f"This {HEADER} {why}.")


async def once(
    request: Request, digest: Callable[[], bytes], work: Callable[[], Awaitable[Response]], *, deadline_s: float
) -> Response:
    """Return what ``work`` answers, or what it answered when the same key came with the same request before.

    Raises:
        Refusal: as ``turn_of``.
    """
    turn = await lock_of(request, digest, deadline_s=deadline_s)
    if isinstance(turn, Response):
        return turn
    try:
        answer = await work()
    except BaseException:
        await turn.give_up()
        raise
    await turn.keep(StoredAnswer(answer.status_code, answer.media_type or "application/json", bytes(answer.body)))
    return answer
