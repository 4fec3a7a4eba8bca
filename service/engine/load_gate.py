"""The bound on requests inside: one gate in front of decoding, classifying and ranking."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from core.errors import NotReady, Overloaded

WINDOW = 64
MIN_RETRY_S = 1.0
MAX_RETRY_S = 60.0


class LoadGate:
    """Lets at most ``capacity`` requests in and measures how fast they leave.

    The rate is requests done per second of busy time over the last ``WINDOW`` ones, so that a quiet hour does not
    make the service look slow. Lives on the event loop; not locked.
    """

    def __init__(self, capacity: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._capacity = capacity
        self._clock = clock
        self._busy_s = 0.0
        self._busy_since = 0.0
        self._done_at: deque[float] = deque(maxlen=WINDOW)
        self._freed = asyncio.Event()
        self.n_inside = 0
        self.closed = False

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Hold one place.

        Raises:
            Overloaded: every place is taken; ``retry_after_s`` is the time that draining them takes as measured.
            NotReady: the gate is closed.
        """
        if self.closed:
            raise NotReady("The service is shutting down.", retry_after_s=MIN_RETRY_S)
        if self.n_inside >= self._capacity:
            raise Overloaded("The queue is full.", retry_after_s=self.retry_after_s())
        if self.n_inside == 0:
            self._busy_since = self._clock()
        self.n_inside += 1
        try:
            yield
        finally:
            self._done_at.append(self._busy_clock())
            self.n_inside -= 1
            self._freed.set()
            if self.n_inside == 0:
                self._busy_s = self._done_at[-1]

    async def place(self) -> None:
        """Wait until a place is free; somebody else may still be quicker."""
        while self.n_inside >= self._capacity and not self.closed:
            self._freed.clear()
            await self._freed.wait()

    def retry_after_s(self) -> float:
        """Return the seconds that draining those inside takes as measured, 1 to 60; 1 before anything is."""
        if len(self._done_at) < 2:
            return MIN_RETRY_S
        span_s = self._done_at[-1] - self._done_at[0]
        seconds_each = span_s / (len(self._done_at) - 1)
        return min(MAX_RETRY_S, max(MIN_RETRY_S, self.n_inside * seconds_each))

    def _busy_clock(self) -> float:
        """Seconds during which at least one request was inside."""
        return self._busy_s + (self._clock() - self._busy_since)
