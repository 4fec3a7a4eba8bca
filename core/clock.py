"""The time now, as the rest of the code takes it: a function that tests replace by a clock of their own."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

UtcClock = Callable[[], datetime]
MsClock = Callable[[], int]


def utc_now() -> datetime:
    """Return the time now, in UTC."""
    return datetime.now(UTC)


def utc_timestamp() -> str:
    """Return the time now in UTC as ISO 8601 with whole seconds, as files that say when they were made have it."""
    return utc_now().isoformat(timespec="seconds")


def now_ms() -> int:
    """Return the milliseconds since 1970."""
    return int(time.time() * 1000.0)
