"""How suggestions and feedback get into the database: through the spool, and from there in batches.

An answer waits for one write into the page cache, not for the database. What is in the spool outlives the process and
is moved as soon as the database takes it. Moving an entry twice is harmless: ids are primary keys, and a row that
exists is left as it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.atomic import storage_errors
from core.clock import MsClock, now_ms
from core.errors import StorageError, StoreUnavailable
from service.observe.logs import LOGGER, log
from service.store.database import RETRY_AFTER_S, Store
from service.store.feedback_rows import GivenFeedback, OtherWorkspace, insert_feedback, shown_hashtags
from service.store.spool import Entry, Spool, read_segment
from service.store.tables import (
    ANSWERS_KEPT_MS,
    FEEDBACK,
    FEEDBACK_KEPT_MS,
    IDEMPOTENCY,
    SUGGESTIONS,
    SUGGESTIONS_KEPT_MS,
)

GATHER_S = 0.05
"""How long an entry waits for others to share its transaction."""
RETRY_S = 1.0
ADOPT_S = 30.0
PURGE_S = 3600.0
UNKNOWN_KEPT_MS = 60_000
"""How long kept feedback waits, once the database is back, for a suggestion that may be in another process's spool."""
UNKNOWN_AGAIN_MS = 1_000
"""How long a segment with such feedback is not looked at again."""
MAX_PURGED = 5_000
"""Rows in one DELETE."""
CHUNK = 200
"""Rows in one INSERT."""


@dataclass(frozen=True, slots=True)
class _Wait:
    """A segment in the spool whose feedback waits for a suggestion.

    Attributes:
        since_ms: when the suggestion was first missed.
        looked_ms: when it was last looked for.
    """

    since_ms: int
    looked_ms: int


class Journal:
    """Takes entries at any time and moves them into the database in the background; lives on one event loop.

    Attributes:
        spool: where they wait.
        n_unrecorded: suggestions for which it had no room.
    """

    def __init__(self, store: Store, folder: Path, *, now_ms: MsClock = now_ms) -> None:
        self._store = store
        self._now_ms = now_ms
        self.spool = Spool(folder)
        self.n_unrecorded = 0
        self._waits: dict[Path, _Wait] = {}
        self._woken = asyncio.Event()
        self._ending = asyncio.Event()
        self._carrying = asyncio.Lock()
        self._life: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Open the spool, adopt what dead processes left, and begin to move entries.

        Raises:
            StorageError: the spool's folder cannot be used.
        """
        self.spool.open()
        self.spool.adopt()
        self._woken.set()
        self._life = asyncio.get_running_loop().create_task(self._live())

    async def end(self) -> None:
        """Move what can be moved into the database; the rest stays in the spool."""
        if self._life is not None:
            self._ending.set()
            self._woken.set()
            await self._life
            with contextlib.suppress(StoreUnavailable):
                await self.carry_over()
            await asyncio.to_thread(self.spool.close)

    def note(self, entry: Entry) -> bool:
        """Write an entry to the spool without waiting for the disk; return whether there was room."""
        try:
            self.spool.append(entry, durable=False)
        except StorageError:
            self.n_unrecorded += 1
            log("suggestion not recorded", level=logging.WARNING)
            return False
        self._woken.set()
        return True

    async def keep(self, entry: Entry) -> None:
        """Write an entry to the spool and flush it to the disk.

        Raises:
            StoreUnavailable: the spool or its disk is full.
        """
        try:
            await asyncio.to_thread(self.spool.append, entry, durable=True)
        except StorageError as error:
            detail = "The database cannot be reached, and nothing more can be kept for it."
            raise StoreUnavailable(detail, retry_after_s=RETRY_AFTER_S) from error
        self._woken.set()

    async def carry_over(self, *, adopt: bool = False) -> None:
        """Move everything in the spool into the database.

        Args:
            adopt: whether what dead processes left is taken over first.

        Raises:
            StoreUnavailable: the database is away; what was not moved stays in the spool.
            StorageError: a segment cannot be read or deleted.
        """
        async with self._carrying:
            if adopt:
                await asyncio.to_thread(self.spool.adopt)
            for segment in await asyncio.to_thread(self.spool.seal):
                now, wait = self._now_ms(), self._waits.get(segment)
                if wait is not None and 0 <= now - wait.looked_ms < UNKNOWN_AGAIN_MS:
                    continue
                entries = await asyncio.to_thread(_entries_of, segment)
                is_over = wait is not None and not 0 <= now - wait.since_ms < UNKNOWN_KEPT_MS
                n_waiting = 0
                async with self._store.transaction() as connection:
                    await self._insert_suggestions(
                        [entry for entry in entries if entry["kind"] == "suggestion"], connection
                    )
                    for entry in entries:
                        if entry["kind"] == "feedback":
                            n_waiting += not await self._insert_kept_feedback(entry, connection, is_over=is_over)
                if n_waiting:
                    # It stays as it is: what of it is in the database now is not changed by moving it once more.
                    self._waits[segment] = _Wait(now if wait is None else wait.since_ms, now)
                else:
                    await asyncio.to_thread(self.spool.drop, segment)
                    self._waits.pop(segment, None)

    async def _insert_suggestions(self, entries: list[Entry], connection: AsyncConnection) -> None:
        rows = [{name: value for name, value in entry.items() if name != "kind"} for entry in entries]
        for start in range(0, len(rows), CHUNK):
            insert = self._store.insert(SUGGESTIONS).on_conflict_do_nothing()
            await connection.execute(insert, rows[start : start + CHUNK])

    async def _insert_kept_feedback(self, entry: Entry, connection: AsyncConnection, *, is_over: bool) -> bool:
        """Store what kept feedback says of suggested hashtags; return False while its answer is waited for.

        It was acknowledged, so it is never dropped. When the wait is over it is stored as it was given: all that it
        can move are answers of the workspace that gave it.
        """
        try:
            shown = await shown_hashtags(connection, entry["workspace"], entry["suggestion_id"])
        except OtherWorkspace:
            log("kept feedback on another workspace's answer", level=logging.WARNING)
            shown = frozenset()
        if shown is None:
            if not is_over:
                return False
            log("kept feedback unjudged", level=logging.WARNING, reason="its suggestion is unknown")
        tags = [(tag, verdict) for tag, verdict in entry["tags"] if verdict == "added" or shown is None or tag in shown]
        given = GivenFeedback(entry["id"], entry["workspace"], entry["suggestion_id"], entry["created_ms"], tuple(tags))
        await insert_feedback(self._store, connection, given)
        return True

    async def purge(self) -> None:
        """Delete rows that are older than they are kept.

        Raises:
            StoreUnavailable: the database is away.
        """
        now = self._now_ms()
        async with self._store.statements() as connection:
            await connection.execute(delete(IDEMPOTENCY).where(IDEMPOTENCY.c.created_ms < now - ANSWERS_KEPT_MS))
        for table, kept_ms in ((SUGGESTIONS, SUGGESTIONS_KEPT_MS), (FEEDBACK, FEEDBACK_KEPT_MS)):
            old = select(table.c.id).where(table.c.created_ms < now - kept_ms).limit(MAX_PURGED)
            n_gone = MAX_PURGED
            while n_gone == MAX_PURGED:
                # In parts, so that no other transaction waits long for the lock.
                async with self._store.statements() as connection:
                    n_gone = (await connection.execute(delete(table).where(table.c.id.in_(old)))).rowcount

    async def _live(self) -> None:
        loop = asyncio.get_running_loop()
        adopted = purged = -PURGE_S
        while not self._ending.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RETRY_S if self._waits else ADOPT_S):
                    await self._woken.wait()
            await self._pause(GATHER_S)
            try:
                if loop.time() - adopted >= ADOPT_S:
                    adopted = loop.time()
                    await asyncio.to_thread(self.spool.adopt)
                self._woken.clear()
                await self.carry_over()
                if loop.time() - purged >= PURGE_S:
                    purged = loop.time()
                    await self.purge()
            except Exception as error:
                # Nothing may end this task: what is in the spool would stay there.
                if not isinstance(error, StoreUnavailable):
                    LOGGER.error("journal fault", exc_info=error)
                self._woken.set()
                await self._pause(RETRY_S)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ending.wait()


def _entries_of(segment: Path) -> list[Entry]:
    with storage_errors(segment):
        return list(read_segment(segment))
