"""Answers to repeated requests: one row for each workspace and Idempotency-Key, kept for a day.

The row is inserted before the work begins and is its lock. A process that dies leaves the row without an answer; when
the lease has run out the next request with the key takes it over, so no key is stuck for longer than a lease.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.clock import MsClock, now_ms
from service.store.database import Store
from service.store.tables import ANSWERS_KEPT_MS, IDEMPOTENCY

MAX_KEPT = 10_000
"""Answers of one workspace; the oldest go first."""
SLACK = 500
"""How many more there may be before the oldest are deleted, all at once."""


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """The answer to the first request."""

    status: int
    media_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to do the work of one key, until another holder takes it over."""

    workspace: str
    key_hash: bytes
    holder: str


Taken = Lease | StoredAnswer | Literal["running", "other"]
"""``running``: the first request has not been answered yet. ``other``: it had another body."""


class IdempotencyRecords:
    """The idempotency records in one database."""

    def __init__(self, store: Store, *, now_ms: MsClock = now_ms) -> None:
        self._store = store
        self._now_ms = now_ms

    async def take(self, workspace: str, key: str, digest: bytes, lease_s: float) -> Taken:
        """Return the right to do the work of ``key``, its answer when the work is done, or why there is neither.

        Args:
            workspace: whose key it is; the same key in another workspace is another key.
            key: the caller's Idempotency-Key.
            digest: of the request; equal for equal requests.
            lease_s: seconds after which a holder that has not answered counts as dead.

        Raises:
            StoreUnavailable: the database is away.
        """
        now, key_hash, holder = self._now_ms(), hashlib.sha256(key.encode()).digest(), secrets.token_hex(8)
        mine = (IDEMPOTENCY.c.workspace == workspace) & (IDEMPOTENCY.c.key_hash == key_hash)
        fresh = {
            "digest": digest,
            "created_ms": now,
            "locked_until_ms": now + int(lease_s * 1000.0),
            "holder": holder,
            "status": None,
            "media_type": None,
            "body": None,
        }
        async with self._store.transaction() as connection:
            inserted = await connection.scalar(
                self._store.insert(IDEMPOTENCY)
                .values(workspace=workspace, key_hash=key_hash, **fresh)
                .on_conflict_do_nothing()
                .returning(IDEMPOTENCY.c.holder)
            )
            if inserted is not None:
                await self._delete_oldest(connection, workspace)
                return Lease(workspace, key_hash, holder)
            row = (await connection.execute(select(IDEMPOTENCY).where(mine).with_for_update())).one_or_none()
            if row is None:
                return "running"  # deleted between the two statements: the caller may ask again
            if row.created_ms >= now - ANSWERS_KEPT_MS:
                if row.digest != digest:
                    return "other"
                if row.status is not None:
                    return StoredAnswer(row.status, row.media_type, bytes(row.body))
                if row.locked_until_ms > now:
                    return "running"
            await connection.execute(update(IDEMPOTENCY).where(mine).values(**fresh))
            return Lease(workspace, key_hash, holder)

    async def _delete_oldest(self, connection: AsyncConnection, workspace: str) -> None:
        """Delete the oldest answers of a workspace that has too many; requests still being answered stay."""
        mine = IDEMPOTENCY.c.workspace == workspace
        n_kept = await connection.scalar(select(func.count()).where(mine)) or 0
        if n_kept > MAX_KEPT + SLACK:
            done = select(IDEMPOTENCY.c.key_hash).where(mine, IDEMPOTENCY.c.status.is_not(None))
            oldest = done.order_by(IDEMPOTENCY.c.created_ms).limit(n_kept - MAX_KEPT)
            await connection.execute(delete(IDEMPOTENCY).where(mine, IDEMPOTENCY.c.key_hash.in_(oldest)))

    async def finish(self, lease: Lease, answer: StoredAnswer) -> None:
        """Store the answer, unless another holder has taken over.

        Raises:
            StoreUnavailable: the database is away; the lease runs out by itself.
        """
        async with self._store.statements() as connection:
            await connection.execute(
                update(IDEMPOTENCY)
                .where(_held(lease))
                .values(status=answer.status, media_type=answer.media_type, body=answer.body)
            )

    async def give_up(self, lease: Lease) -> None:
        """Let the next request with the key start afresh: this one stored nothing.

        Raises:
            StoreUnavailable: the database is away; the lease runs out by itself.
        """
        async with self._store.statements() as connection:
            await connection.execute(delete(IDEMPOTENCY).where(_held(lease), IDEMPOTENCY.c.status.is_(None)))


def _held(lease: Lease) -> ColumnElement[bool]:
    mine = (IDEMPOTENCY.c.workspace == lease.workspace) & (IDEMPOTENCY.c.key_hash == lease.key_hash)
    return mine & (IDEMPOTENCY.c.holder == lease.holder)
