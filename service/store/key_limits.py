"""Rate limits: one token bucket for each key, in the database, so that all workers and replicas share it.

A bucket holds the requests that a key may make in a minute and refills evenly. One UPDATE refills it and takes from
it, so two workers can never both get the last token.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, case, select, update

from core.clock import MsClock, now_ms
from core.errors import StoreUnavailable
from service.store.database import Store
from service.store.tables import BUCKETS

JUMP_MS = 60_000
"""A bucket that was refilled this far in the future was refilled before the clock was set back. Less than that is a
difference between the clocks of two machines, and counts as no time."""
MAX_LOCAL = 10_000
"""Buckets in memory at most; beyond, they are all forgotten, which lets every key start full."""
SLACK = 1e-6
"""Tolerance for rounding errors, in tokens."""


@dataclass(frozen=True, slots=True)
class Rate:
    """The state of a bucket after a request for tokens.

    Attributes:
        allowed: whether the tokens were taken.
        per_minute: how many tokens the full bucket holds.
        left: how many are in it now.
        retry_after_s: seconds until it holds as many as were wanted; 0 when they were taken.
        full_in_s: seconds until it is full.
    """

    allowed: bool
    per_minute: int
    left: float
    retry_after_s: float
    full_in_s: float


class KeyLimits:
    """The buckets in one database; while it is away, buckets in this process's memory stand in for them."""

    def __init__(self, store: Store, *, now_ms: MsClock = now_ms, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._now_ms = now_ms
        self._clock = clock
        self._local: dict[str, tuple[float, float]] = {}

    async def take(self, key_id: str, per_minute: int, n_tokens: int) -> Rate:
        """Take ``n_tokens``, or none when the bucket holds fewer; at most as many as a full bucket holds are wanted."""
        wanted = float(min(n_tokens, per_minute))
        try:
            return await self._take(key_id, per_minute, wanted)
        except StoreUnavailable:
            return self._take_here(key_id, per_minute, wanted)

    async def look(self, key_id: str, per_minute: int) -> Rate:
        """Return the state of the bucket without taking anything."""
        return await self.take(key_id, per_minute, 0)

    async def _take(self, key_id: str, per_minute: int, wanted: float) -> Rate:
        now = self._now_ms()
        filled = _filled(now, per_minute)
        at = BUCKETS.c.refilled_ms
        refilled = case((at > now + JUMP_MS, now), (at > now, at), else_=now)
        async with self._store.statements() as connection:
            left = await connection.scalar(
                update(BUCKETS)
                .where(BUCKETS.c.key_id == key_id, filled >= wanted - SLACK)
                .values(tokens=filled - wanted, refilled_ms=refilled)
                .returning(BUCKETS.c.tokens)
            )
            if left is not None:
                return _rate(True, per_minute, float(left), wanted)
            held = await connection.scalar(select(filled).where(BUCKETS.c.key_id == key_id))
        return _rate(False, per_minute, float(held or 0.0), wanted)

    def _take_here(self, key_id: str, per_minute: int, wanted: float) -> Rate:
        now = self._clock()
        if len(self._local) > MAX_LOCAL:
            self._local.clear()
        tokens, at = self._local.get(key_id, (float(per_minute), now))
        tokens = min(float(per_minute), tokens + max(0.0, now - at) * per_minute / 60.0)
        allowed = tokens >= wanted - SLACK
        if allowed:
            tokens -= wanted
        self._local[key_id] = (tokens, now)
        return _rate(allowed, per_minute, tokens, wanted)


def _filled(now: int, per_minute: int) -> ColumnElement[float]:
    """Return the tokens of a bucket as of ``now``."""
    at, tokens = BUCKETS.c.refilled_ms, BUCKETS.c.tokens
    grown = tokens + case((now > at, now - at), else_=0) * (per_minute / 60_000.0)
    return case((grown > float(per_minute), float(per_minute)), else_=grown)


def _rate(allowed: bool, per_minute: int, left: float, wanted: float) -> Rate:
    a_second = per_minute / 60.0
    retry_after_s = 0.0 if allowed else max(0.0, wanted - left) / a_second
    return Rate(allowed, per_minute, left, retry_after_s, max(0.0, per_minute - left) / a_second)
