"""Idempotent POSTs: with an Idempotency-Key, the same request gets the same answer for a day."""

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
from service.context import RequestContext
from service.problems import Refusal, invalid
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
    """Return the idempotency key of a request, or None.

    Raises:
        Refusal: it is not in the form of a key.
    """
    given = request.headers.getlist(HEADER)
    if len(given) > 1:
        raise invalid(HEADER, "is given twice")
    if given and not KEY.fullmatch(given[0]):
        raise invalid(HEADER, "must be 1 to 255 visible ASCII characters")
    return given[0] if given else None


def fingerprint_of(*parts: bytes) -> bytes:
    """Return a hash of a request's parts: its route and what it means, not how its body was framed."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(len(part).to_bytes(8, "big") + part)
    return whole.digest()


class IdempotencyLock:
    """The right to answer the first request with a key; others with the same key are refused meanwhile.

    Args:
        records: where the answer is stored.
        lease: the row that holds the key.
    """

    def __init__(self, records: IdempotencyRecords, lease: Lease) -> None:
        self._records = records
        self._lease: Lease | None = lease

    async def complete(self, answer: StoredAnswer) -> None:
        """Store the answer, to be given again; where the database is away, a retry is worked on anew."""
        if self._lease is not None:
            with suppress(StoreUnavailable):
                await self._records.finish(self._lease, answer)
            self._lease = None

    async def release(self) -> None:
        """Let the next request with the key be worked on, unless this one was completed."""
        if self._lease is not None:
            with suppress(StoreUnavailable):
                await self._records.give_up(self._lease)
            self._lease = None


async def lock_or_replay(
    request: Request, context: RequestContext, fingerprint: Callable[[], bytes], *, deadline_s: float
) -> IdempotencyLock | Response | None:
    """Return the lock of the request's key, or the answer that is stored for it, or None when neither can be had.

    None means that there is no key, or that the database is away. Only answers are stored: a request that was refused
    is judged anew.

    Args:
        request: may have a key.
        context: of the request.
        fingerprint: returns what tells this request from another one with the same key; called in a thread.
        deadline_s: seconds after which whoever holds the lock has surely finished.

    Raises:
        Refusal: ``conflict``, when the key came with another request, or the first one is still being answered.
    """
    key = idempotency_key(request)
    if key is None:
        return None
    records = context.parts.repositories.idempotency
    try:
        asked = await to_thread.run_sync(fingerprint)  # of a batch that is 64 MB
        taken = await records.take(context.workspace, key, asked, deadline_s + LEASE_SLACK_S)
    except StoreUnavailable:
        return None
    if isinstance(taken, Lease):
        return IdempotencyLock(records, taken)
    if isinstance(taken, StoredAnswer):
        return Response(taken.body, status_code=taken.status, media_type=taken.media_type)
    why = "came with another request" if taken == "other" else "is still being answered"
    raise Refusal("conflict", f"This {HEADER} {why}.")


async def answer_idempotently(
    request: Request,
    context: RequestContext,
    fingerprint: Callable[[], bytes],
    work: Callable[[], Awaitable[Response]],
    *,
    deadline_s: float,
) -> Response:
    """Return what ``work`` answers, or what it answered when the same key came with the same request before.

    Raises:
        Refusal: as ``lock_or_replay``.
    """
    lock = await lock_or_replay(request, context, fingerprint, deadline_s=deadline_s)
    if lock is None:
        return await work()
    if isinstance(lock, Response):
        return lock
    try:
        answer = await work()
    except BaseException:
        await lock.release()
        raise
    await lock.complete(StoredAnswer(answer.status_code, answer.media_type or "application/json", bytes(answer.body)))
    return answer
