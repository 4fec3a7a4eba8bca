"""Whether the database can be used, looked at in the background, so that /ready, metrics and requests need not wait."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, MutableMapping

from service.observe.logs import log
from service.observe.metrics import Metrics
from service.store.database import Store
from service.store.journal import Journal

AWAY = "store_unavailable"
DETAIL = (
    "The database cannot be reached or written to. Suggestions are answered without what the workspace taught; feedback"
    " is kept here until it is back; saved sets and keys that were not seen before wait for it."
)
SPOOL_FULL = "spool_full"
SPOOL_DETAIL = (
    "Answers cannot be put on record, because the spool or its disk is full: feedback on them will not be accepted."
)
LOOK_S = 1.0


class StoreWatch:
    """Tries the database every ``LOOK_S``; lives on one event loop.

    Args:
        store: the database.
        concerns: gets the entry ``AWAY`` while the database is away or transactions fail, and ``SPOOL_FULL`` while
            answers cannot be put on record.
        metrics: is told whether the database answers.
        journal: whose spool may be full.
        sleep: waits that many seconds.
    """

    def __init__(
        self,
        store: Store,
        concerns: MutableMapping[str, str],
        metrics: Metrics,
        journal: Journal,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._concerns = concerns
        self._metrics = metrics
        self._journal = journal
        self._sleep = sleep
        self._n_failures = 0
        self._n_unrecorded = 0
        self._life: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Begin to look."""
        self._life = asyncio.get_running_loop().create_task(self._live())

    async def end(self) -> None:
        """Stop looking."""
        if self._life is not None:
            self._life.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._life

    async def look(self) -> None:
        """Look once, and note the result in the concerns, the log and the metrics."""
        found = await self._store.look()
        # What fails for requests may work here: a small change finds room on a disk that is full for larger ones.
        n_failures, self._n_failures = self._n_failures, self._store.n_failures
        if found and n_failures == self._n_failures:
            if self._concerns.pop(AWAY, None) is not None:
                log("store back")
        else:
            if AWAY not in self._concerns:
                log("store away", level=logging.WARNING)
            self._concerns[AWAY] = DETAIL
        n_unrecorded, self._n_unrecorded = self._n_unrecorded, self._journal.n_unrecorded
        if n_unrecorded == self._n_unrecorded:
            self._concerns.pop(SPOOL_FULL, None)
        else:
            self._concerns[SPOOL_FULL] = SPOOL_DETAIL
        self._metrics.set_store(up=AWAY not in self._concerns, waiting_bytes=self._journal.spool.n_bytes)

    async def _live(self) -> None:
        while True:
            await self.look()
            await self._sleep(LOOK_S)
