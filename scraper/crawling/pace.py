"""How fast a host is asked: one request at a time, a pause between two, longer pauses when it asks for them."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from scraper.errors import TooManyRequests


@dataclass(frozen=True, slots=True)
class PaceLimits:
    """How patient the crawl is; times in seconds.

    Attributes:
        pause_s: least time between the starts of two requests to one host.
        jitter: the pause is longer by up to this share of itself, drawn anew each time, 0 or more.
        first_back_off_s: wait after the first refusal that names no time; doubled at each further one in a row.
        longest_wait_s: a longer wait is not sat out: the crawl stops and says when to come back.
        refusals: refusals in a row after which the crawl stops.
    """

    pause_s: float
    jitter: float
    first_back_off_s: float
    longest_wait_s: float
    refusals: int


class Pace:
    """Knows when each host may be asked next; at first every host may, save those of ``not_before``.

    Args:
        limits: how patient to be.
        clock: seconds since 1970, so that what a host asked for holds after a restart.
        sleep: waits so many seconds.
        draw: a number from 0 up to 1.
        not_before: host -> moment before which it wants no request, as an earlier crawl left it.

    Attributes:
        waited_s: seconds slept so far.
    """

    def __init__(
        self,
        limits: PaceLimits,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        draw: Callable[[], float] = random.random,
        not_before: Mapping[str, float] | None = None,
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._sleep = sleep
        self._draw = draw
        self._next: dict[str, float] = dict(not_before or {})
        self._refusals: dict[str, int] = {}
        self.waited_s = 0.0

    def wait(self, host: str, *, pause_s: float = 0.0) -> None:
        """Return when the host may be asked, and count this as a request.

        Args:
            host: its name.
            pause_s: a longer pause that the host's robots.txt asks for, or 0.

        Raises:
            TooManyRequests: the wait would be longer than ``longest_wait_s``.
        """
        now = self._clock()
        left = self._next.get(host, now) - now
        if left > self._limits.longest_wait_s:
            raise TooManyRequests(
                f"{host} wants no request for another {_minutes(left)}; the state is kept: run the same command then",
                retry_after_s=left,
            )
        if left > 0:
            self._sleep(left)
            self.waited_s += left
        pause = max(self._limits.pause_s, pause_s)
        self._next[host] = max(now, self._clock()) + pause * (1 + self._limits.jitter * self._draw())

    def answered(self, host: str) -> None:
        """Take note that the host answered: the next refusal is a first one."""
        self._refusals.pop(host, None)

    def refused(self, host: str, retry_after_s: float | None) -> float:
        """Put off the host's next request, and return the moment from which it may be asked.

        Args:
            host: its name.
            retry_after_s: the wait it named, or None for a back-off that doubles.

        Raises:
            TooManyRequests: it has refused too often in a row, or named a wait that is not sat out.
        """
        count = self._refusals[host] = self._refusals.get(host, 0) + 1
        wait = retry_after_s if retry_after_s is not None else self._limits.first_back_off_s * 2.0 ** min(count - 1, 20)
        wait = max(wait, self._limits.pause_s)
        moment = self._clock() + wait * (1 + 0.1 * self._draw())
        self._next[host] = max(self._next.get(host, 0.0), moment)
        if count >= self._limits.refusals or wait > self._limits.longest_wait_s:
            raise TooManyRequests(
                f"{host} asks to slow down ({count} times in a row) and to wait {_minutes(wait)}; the state is kept: "
                "run the same command then, with a longer pause_s",
                retry_after_s=wait,
            )
        return self._next[host]

    def not_before(self, host: str) -> float:
        """Return the moment, in seconds since 1970, before which the host is not asked; 0 for an unknown one."""
        return self._next.get(host, 0.0)


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
