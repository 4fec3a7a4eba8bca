"""Many posts in one request: answered side by side, each as if it had come alone, and never in the way of single ones.

Posts of batches wait for their turn instead of being refused, and together hold at most half of the places inside.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager

from starlette.requests import ClientDisconnect, Request

from core.errors import Overloaded

MAX_SIDE_BY_SIDE = 16
RETRY_S = 1.0

AnswerOne = Callable[[int], Awaitable[bytes]]
"""Place in the batch to the line that tells its answer or its problem; raises nothing but cancellation."""
Line = tuple[int, bytes]


class Batches:
    """The batches inside; lives on one event loop."""

    def __init__(self, places: int) -> None:
        """Take half of ``places`` for posts of batches, and as many batches at once as have an eighth of them each."""
        self._n_slots = max(1, places // 2)
        self._slots = asyncio.Semaphore(self._n_slots)
        self._max_inside = max(1, places // 8)
        self._n_inside = 0

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Hold the place of one batch.

        Raises:
            Overloaded: as many batches as may be are inside.
        """
        if self._n_inside >= self._max_inside:
            raise Overloaded("Too many batches are being answered.", retry_after_s=RETRY_S)
        self._n_inside += 1
        try:
            yield
        finally:
            self._n_inside -= 1

    async def answers(self, n_posts: int, answer_one: AnswerOne) -> AsyncGenerator[Line]:
        """Yield each post's place and line once it is done. A slow reader, or one gone, holds up what has not begun."""
        places = iter(range(n_posts))
        done: asyncio.Queue[Line] = asyncio.Queue(maxsize=MAX_SIDE_BY_SIDE)

        async def work() -> None:
            for place in places:
                async with self._slots:
                    line = await answer_one(place)
                await done.put((place, line))

        workers = [asyncio.create_task(work()) for _ in range(min(n_posts, MAX_SIDE_BY_SIDE, self._n_slots))]
        try:
            for _ in range(n_posts):
                yield await done.get()
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)


async def unless_gone(request: Request, lines: AsyncIterator[Line]) -> list[Line]:
    """Return all of ``lines``; stop asking for them once the client has gone.

    Raises:
        ClientDisconnect: it has.
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
