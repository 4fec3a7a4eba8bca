"""How suggestions and feedback get into the database: through the spool, and from there in batches.

An answer waits for one write into the page cache, not for the database. What is in the spool outlives the process and
is moved as soon as the database takes it. Moving an entry twice is harmless: ids are primary keys, and a row that
exists is left as it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from pathlib import Path

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.clock import MsClock, now_ms
from core.errors import StorageError, StoreUnavailable
from service.observe.logs import LOGGER, log
from service.store.database import RETRY_AFTER_S, Store
from service.store.feedback_rows import GivenFeedback, insert_feedback, shown_hashtags
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
UNKNOWN_KEPT_MS = 3_600_000
"""How long kept feedback waits for its suggestion, which may still be in another process's spool."""
MAX_PURGED = 5_000
"""Rows in one DELETE."""
CHUNK = 200
"""Rows in one INSERT."""


class Journal:
    """Takes entries at any time and moves them into the database in the background; lives on one event loop."""

    def __init__(self, store: Store, folder: Path, *, now_ms: MsClock = now_ms) -> None:
        self._store = store
        self._now_ms = now_ms
        self.spool = Spool(folder)
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

    async def carry_over(self) -> None:
        """Move everything in the spool into the database.

        Raises:
            StoreUnavailable: the database is away; what was not moved stays in the spool.
        """
        async with self._carrying:
            for segment in await asyncio.to_thread(self.spool.seal):
                entries = await asyncio.to_thread(lambda path: list(read_segment(path)), segment)
                unjudged: list[Entry] = []
                async with self._store.transaction() as connection:
                    await self._insert_suggestions(
                        [entry for entry in entries if entry["kind"] == "suggestion"], connection
                    )
                    for entry in entries:
                        if entry["kind"] == "feedback" and not await self._insert_kept_feedback(entry, connection):
                            unjudged.append(entry)
                for entry in unjudged:
                    await asyncio.to_thread(self.spool.append, entry, durable=True)
                await asyncio.to_thread(self.spool.drop, segment)

    async def _insert_suggestions(self, entries: list[Entry], connection: AsyncConnection) -> None:
        rows = [{name: value for name, value in entry.items() if name != "kind"} for entry in entries]
        for start in range(0, len(rows), CHUNK):
            insert = self._store.insert(SUGGESTIONS).on_conflict_do_nothing()
            await connection.execute(insert, rows[start : start + CHUNK])

    async def _insert_kept_feedback(self, entry: Entry, connection: AsyncConnection) -> bool:
        """Store what kept feedback says of suggested hashtags; return False while its answer is unknown."""
        shown = await shown_hashtags(connection, entry["workspace"], entry["suggestion_id"])
        if shown is None:
            if self._now_ms() - entry["created_ms"] < UNKNOWN_KEPT_MS:
                return False
            log("kept feedback dropped", level=logging.WARNING, reason="its suggestion is unknown")
            return True
        tags = [(tag, verdict) for tag, verdict in entry["tags"] if verdict == "added" or tag in shown]
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
                async with asyncio.timeout(ADOPT_S):
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
