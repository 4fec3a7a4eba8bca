"""Single items in, batches to the model: the micro-batcher.

The model runs in a thread, one batch at a time. An item that finds it idle is run at once, alone. Items that come
while it is busy are collected: the next batch takes what has gathered, up to ``max_items``, and waits for more only
until its oldest item is ``max_wait_s`` old. How many items may wait is bounded by ``LoadGate``.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Generic, TypeVar

from core.errors import NotReady

In = TypeVar("In")
Out = TypeVar("Out")
SHUTTING_DOWN = "The service is shutting down."
MIN_RETRY_S = 1.0
"""How long a refused caller is told to wait, at least."""
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Done(Generic[Out]):
    """One item's result.

    Attributes:
        value: what the model made of it.
        waited_s: seconds between its arrival and the start of its batch.
        ran_s: seconds that its batch took.
    """

    value: Out
    waited_s: float
    ran_s: float


@dataclass(slots=True)
class _Ticket(Generic[In, Out]):
    item: In
    future: asyncio.Future[Done[Out]]
    arrived: float


class MicroBatcher(Generic[In, Out]):
    """Runs a model over batches of submitted items; lives on one event loop, between ``start`` and ``close``.

    Args:
        run: the model; takes a batch and returns one result for each item, in order; called in ``executor``.
        executor: runs ``run``.
        max_items: items in one batch, at most.
        max_wait_s: how long an item that found the model busy waits for others.
        on_batch: called with the number of items after each batch.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        run: Callable[[Sequence[In]], Sequence[Out]],
        *,
        executor: Executor,
        max_items: int,
        max_wait_s: float,
        on_batch: Callable[[int], None] = lambda n_items: None,
        clock: Clock = time.monotonic,
    ) -> None:
        self._run = run
        self._executor = executor
        self._max_items = max_items
        self._max_wait_s = max_wait_s
        self._on_batch = on_batch
        self._clock = clock
        self._waiting: deque[_Ticket[In, Out]] = deque()
        self._changed = asyncio.Event()
        self._closing = False
        self._worker: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to serve; call it on the event loop."""
        self._worker = asyncio.get_running_loop().create_task(self._serve())

    async def submit(self, item: In) -> Done[Out]:
        """Return the result for ``item``, or raise what ``run`` raises for it alone; cancelling unqueues it.

        Raises:
            NotReady: the batcher is closed.
        """
        if self._closing or self._worker is None:
            raise NotReady(SHUTTING_DOWN, retry_after_s=MIN_RETRY_S)
        ticket: _Ticket[In, Out] = _Ticket(item, asyncio.get_running_loop().create_future(), self._clock())
        self._waiting.append(ticket)
        self._changed.set()
        return await ticket.future

    async def close(self) -> None:
        """Answer everything that waits, then stop."""
        self._closing = True
        self._changed.set()
        if self._worker is not None:
            await self._worker

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        while await self._has_next():
            batch = self._take()
            if not batch:
                continue
            started = self._clock()
            items = [ticket.item for ticket in batch]
            try:
                results = await loop.run_in_executor(self._executor, self._run_in_executor, items)
            except Exception as error:  # the executor itself failed: no caller may wait for ever
                results = [error] * len(batch)
            ran_s = self._clock() - started
            self._on_batch(len(batch))
            for ticket, result in zip(batch, results, strict=True):
                if ticket.future.done():
                    continue
                if isinstance(result, Exception):
                    ticket.future.set_exception(result)
                else:
                    ticket.future.set_result(Done(result, started - ticket.arrived, ran_s))
            await self._gather()

    async def _has_next(self) -> bool:
        """Wait until an item waits; return False when the batcher is closed and none does."""
        while not self._waiting:
            if self._closing:
                return False
            self._changed.clear()
            await self._changed.wait()
        return True

    async def _gather(self) -> None:
        """Wait until the batch is full or its oldest item, which found the model busy, has waited long enough."""
        while self._waiting and len(self._waiting) < self._max_items and not self._closing:
            left_s = self._waiting[0].arrived + self._max_wait_s - self._clock()
            if left_s <= 0:
                return
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), left_s)

    def _take(self) -> list[_Ticket[In, Out]]:
        """Take a batch off the queue, without items whose caller has gone."""
        batch: list[_Ticket[In, Out]] = []
        while self._waiting and len(batch) < self._max_items:
            ticket = self._waiting.popleft()
            if not ticket.future.done():
                batch.append(ticket)
        return batch

    def _run_in_executor(self, items: list[In]) -> list[Out | Exception]:
        """Run the whole batch; when that fails, each item alone, so that a bad item fails by itself."""
        try:
            return list(self._checked(items))
        except Exception as error:
            if len(items) == 1:
                return [error]
        results: list[Out | Exception] = []
        for item in items:
            try:
                results += self._checked([item])
            except Exception as error:
                results.append(error)
        return results

    def _checked(self, items: list[In]) -> Sequence[Out]:
        results = self._run(items)
        if len(results) != len(items):
            raise RuntimeError(f"a batch of {len(items)} came back as {len(results)} results")
        return results
