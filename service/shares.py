"""Shares of what all callers draw from: bytes of bodies, batches, fetches, requests inside.

A caller is a key, or where there are no keys the address that a request comes from. Whoever can wait long for what it
holds never gets more than ``SHARE`` of it; what is given back within seconds may all go to one caller, but only until
somebody else asks (``CallersOfLate``).
"""

from __future__ import annotations

import time
from collections.abc import Callable

SHARE = 2
"""One caller may hold the capacity divided by this."""
OF_LATE_S = 10.0
"""How long a caller that asked counts as wanting something."""
MAX_CALLERS = 10_000
"""Callers that are remembered at most; beyond, whoever asked longest ago is forgotten."""


class Holdings:
    """How much each caller holds of one thing. Not locked: it lives on the event loop.

    Attributes:
        total: what all callers hold together.
    """

    def __init__(self) -> None:
        self._by_caller: dict[str, int] = {}
        self.total = 0

    def of(self, caller: str) -> int:
        """Return what ``caller`` holds."""
        return self._by_caller.get(caller, 0)

    def add(self, caller: str, amount: int) -> None:
        """Note that ``caller`` took ``amount``, or gave it back where that is negative."""
        self.total += amount
        left = self.of(caller) + amount
        if left:
            self._by_caller[caller] = left
        else:
            self._by_caller.pop(caller, None)


class CallersOfLate:
    """The callers that asked within the last ``OF_LATE_S``, answered or not."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._asked_at: dict[str, float] = {}

    def note(self, caller: str) -> int:
        """Note that ``caller`` asks, and return how many callers there are of late, this one included."""
        now = self._clock()
        self._asked_at.pop(caller, None)
        self._asked_at[caller] = now  # whoever asked longest ago stays in front
        while (longest := next(iter(self._asked_at))) != caller and (
            len(self._asked_at) > MAX_CALLERS or self._asked_at[longest] < now - OF_LATE_S
        ):
            del self._asked_at[longest]
        return len(self._asked_at)


def share_of(capacity: int) -> int:
    """Return how much of ``capacity`` one caller may hold."""
    return max(1, capacity // SHARE)
