"""Many posts in one request: answered side by side, each as if it had come alone, and never delaying single posts.

Posts of batches wait instead of being refused, and together use at most half of the capacity of ``LoadGate``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager

from starlette.requests import ClientDisconnect, Request

from core.errors import Overloaded
from service.engine.batcher import MIN_RETRY_S
from service.shares import Holdings, share_of

MAX_SIDE_BY_SIDE = 16
AnswerOne = Callable[[int], Awaitable[bytes]]
"""Turns an index in the batch into the line with its answer or problem; raises nothing but cancellation."""
Line = tuple[int, bytes]
"""Index in the batch, and the line."""


class Batches:
    """The batches in progress; lives on one event loop.

    Args:
        capacity: of ``LoadGate``. Posts of batches use at most half of it; an eighth as many batches run at once, and
            of these one caller has at most its share.
    """

    def __init__(self, capacity: int) -> None:
        self._n_slots = max(1, capacity // 2)
        self._slots = asyncio.Semaphore(self._n_slots)
        self._max_inside = max(1, capacity // 8)
        self._holdings = Holdings()

    @contextmanager
    def entered(self, caller: str = "") -> Iterator[None]:
        """Let one batch of ``caller`` in for the block.

        Raises:
            Overloaded: too many batches are in progress, of this caller or of all.
        """
        if self._holdings.total >= self._max_inside:
            raise Overloaded("Too many batches are being answered.", retry_after_s=MIN_RETRY_S)
        if self._holdings.of(caller) >= share_of(self._max_inside):
            raise Overloaded("Too many of your batches are being answered.", retry_after_s=MIN_RETRY_S)
        self._holdings.add(caller, 1)
        try:
            yield
        finally:
            self._holdings.add(caller, -1)

    async def answers(self, n_posts: int, answer_one: AnswerOne) -> AsyncGenerator[Line]:
        """Yield each post's line once it is done. While the reader is slow or gone, no further post is begun."""
        indices = iter(range(n_posts))
        done: asyncio.Queue[Line] = asyncio.Queue(maxsize=MAX_SIDE_BY_SIDE)

        async def work() -> None:
            for index in indices:
                async with self._slots:
                    line = await answer_one(index)
                await done.put((index, line))

        workers = [asyncio.create_task(work()) for _ in range(min(n_posts, MAX_SIDE_BY_SIDE, self._n_slots))]
        try:
            for _ in range(n_posts):
                yield await done.get()
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)


async def unless_gone(request: Request, lines: AsyncIterator[Line]) -> list[Line]:
    """Return all of ``lines``; stop collecting them once the client has gone.

    Raises:
        ClientDisconnect: the client has gone.
    """
    collecting = asyncio.ensure_future(_collected(lines))
    leaving = asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait((collecting, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not collecting.done():
            raise ClientDisconnect
        return collecting.result()
    finally:
        for task in (collecting, leaving):
            task.cancel()
        await asyncio.gather(collecting, leaving, return_exceptions=True)


async def _collected(lines: AsyncIterator[Line]) -> list[Line]:
    return [line async for line in lines]


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
