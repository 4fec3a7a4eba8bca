"""Answers that are to be given again: one row a workspace and Idempotency-Key, kept a day; of a workspace the newest.

The row is there before the work begins and is its lock. A process that dies leaves the row unanswered; after the lease
whoever asks next takes it over, so no key is stuck for longer than a request may take.
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
SLACK = 500
"""How many more there may be before the oldest go, all at once."""


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """What the first request was answered."""

    status: int
    media_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to do the work of one key; whoever holds another one has lost it."""

    workspace: str
    key_hash: bytes
    holder: str


Taken = Lease | StoredAnswer | Literal["running", "other"]
"""``running``: the first request has not been answered yet. ``other``: it had another body."""


class IdempotencyRecords:
    """The repeated requests of one store."""

    def __init__(self, store: Store, *, now_ms: MsClock = now_ms) -> None:
        self._store = store
        self._now_ms = now_ms

    async def take(self, workspace: str, key: str, digest: bytes, lease_s: float) -> Taken:
        """Return the right to do what ``key`` asks for, the answer when that is done, or why neither.

        Args:
            workspace: whose key it is; another one's same key is another.
            key: of the caller.
            digest: of the request; equal for equal requests.
            lease_s: seconds after which a holder that has said nothing is taken for dead.

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
                await self._forget_oldest(connection, workspace)
                return Lease(workspace, key_hash, holder)
            row = (await connection.execute(select(IDEMPOTENCY).where(mine).with_for_update())).one_or_none()
            if row is None:
                return "running"  # undone between the two statements: the caller may ask again
            if row.created_ms >= now - ANSWERS_KEPT_MS:
                if row.digest != digest:
                    return "other"
                if row.status is not None:
                    return StoredAnswer(row.status, row.media_type, bytes(row.body))
                if row.locked_until_ms > now:
                    return "running"
            await connection.execute(update(IDEMPOTENCY).where(mine).values(**fresh))
            return Lease(workspace, key_hash, holder)

    async def _forget_oldest(self, connection: AsyncConnection, workspace: str) -> None:
        """Keep the newest answers of a workspace that has too many; what is still worked on stays."""
        mine = IDEMPOTENCY.c.workspace == workspace
        n_kept = await connection.scalar(select(func.count()).where(mine)) or 0
        if n_kept > MAX_KEPT + SLACK:
            done = select(IDEMPOTENCY.c.key_hash).where(mine, IDEMPOTENCY.c.status.is_not(None))
            oldest = done.order_by(IDEMPOTENCY.c.created_ms).limit(n_kept - MAX_KEPT)
            await connection.execute(delete(IDEMPOTENCY).where(mine, IDEMPOTENCY.c.key_hash.in_(oldest)))

    async def finish(self, lease: Lease, answer: StoredAnswer) -> None:
        """Keep the answer, unless another holder took over meanwhile.

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
        """Let the next request with the key begin anew: this one stored nothing.

        Raises:
            StoreUnavailable: the database is away; the lease runs out by itself.
        """
        async with self._store.statements() as connection:
            await connection.execute(delete(IDEMPOTENCY).where(_held(lease), IDEMPOTENCY.c.status.is_(None)))


def _held(lease: Lease) -> ColumnElement[bool]:
    mine = (IDEMPOTENCY.c.workspace == lease.workspace) & (IDEMPOTENCY.c.key_hash == lease.key_hash)
    return mine & (IDEMPOTENCY.c.holder == lease.holder)
