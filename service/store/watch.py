"""Whether the database answers: for /ready, the metrics, and requests, none of which then waits to find out."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, MutableMapping

from service.observe.logs import log
from service.observe.metrics import Metrics
from service.store.database import Store

AWAY = "store_unavailable"
DETAIL = (
    "The database cannot be reached. Suggestions are answered without what the workspace taught; feedback is kept here "
    "until it is back; saved sets and keys that were not seen before wait for it."
)
LOOK_S = 1.0


class StoreWatch:
    """Asks the database for nothing again and again; lives on one event loop.

    Args:
        store: asked.
        concerns: gets an entry while the database is away.
        waiting: how many bytes wait for it.
    """

    def __init__(
        self,
        store: Store,
        concerns: MutableMapping[str, str],
        metrics: Metrics,
        waiting: Callable[[], int],
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._concerns = concerns
        self._metrics = metrics
        self._waiting = waiting
        self._sleep = sleep
        self._life: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Start to look."""
        self._life = asyncio.get_running_loop().create_task(self._live())

    async def end(self) -> None:
        """Stop."""
        if self._life is not None:
            self._life.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._life

    async def look(self) -> None:
        """Ask once and note what came of it."""
        if await self._store.look():
            if self._concerns.pop(AWAY, None) is not None:
                log("store back")
        else:
            if AWAY not in self._concerns:
                log("store away", level=logging.WARNING)
            self._concerns[AWAY] = DETAIL
        self._metrics.set_store(up=AWAY not in self._concerns, waiting_bytes=self._waiting())

    async def _live(self) -> None:
        while True:
            await self.look()
            await self._sleep(LOOK_S)
