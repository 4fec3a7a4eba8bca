"""Whether the database answers, looked at in the background, so that /ready, metrics and requests need not wait."""

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
    """Tries the database every ``LOOK_S``; lives on one event loop.

    Args:
        store: the database.
        concerns: gets the entry ``AWAY`` while the database is away.
        metrics: is told whether the database answers.
        waiting: returns how many bytes wait for the database.
        sleep: waits that many seconds.
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
