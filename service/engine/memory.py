"""Memory kept in bounds: what is decoded at once, and what this process holds."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

from core.images import MAX_DECODING_BYTES


class MemoryBudget:
    """Lets pictures be decoded side by side while the memory that takes stays below a bound; lives on one event loop.

    Waiting for it holds no thread, so whoever needs none of it passes by.

    Args:
        max_bytes: as much as one picture of the largest size takes, or some from a phone.
    """

    def __init__(self, max_bytes: int = MAX_DECODING_BYTES) -> None:
        self._max_bytes = max_bytes
        self._held = 0
        self._arrival = asyncio.Lock()
        self._freed = asyncio.Event()

    async def claim(self, n_bytes: int) -> Callable[[], None]:
        """Return what gives ``n_bytes`` back, once they may be used.

        Claims are met in the order of arrival, so that small pictures do not keep a large one out; one over the whole
        bound is met alone.
        """
        claimed = min(n_bytes, self._max_bytes)
        async with self._arrival:
            while self._held + claimed > self._max_bytes:
                self._freed.clear()
                await self._freed.wait()
            self._held += claimed

        def give_back() -> None:
            self._held -= claimed
            self._freed.set()

        return give_back


def private_bytes() -> int:
    """Return the resident memory of this process alone, without mapped files, in bytes; 0 where /proc does not tell."""
    try:
        _, resident, shared, *_ = Path("/proc/self/statm").read_text("ascii").split()
    except (OSError, ValueError):
        return 0
    return (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE")
