"""Admits requests: robots.txt allows it, no other crawl holds the host, and the pause since the last one is over."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote

from core.atomic import storage_errors
from core.locks import Held, hold_lock
from scraper.crawling.pace import Pace
from scraper.errors import HostBusy
from scraper.port import WebAnswer
from scraper.web.addresses import host_of
from scraper.web.robots import MAX_ROBOTS_BYTES, Robots

LOCKS = "hosts"


class Politeness:
    """Admits requests one by one; closed, it gives the hosts back.

    Args:
        pace: when each host may be asked.
        read_start: returns the first bytes of an address, whatever its status; used for robots.txt.
        installation: folder that all crawls of this installation share; hosts are locked in it.
        opted_out: hosts whose robots.txt is ignored because the operator says so.
    """

    def __init__(
        self,
        pace: Pace,
        read_start: Callable[[str, int], WebAnswer],
        installation: Path,
        *,
        opted_out: frozenset[str] = frozenset(),
    ) -> None:
        self._pace = pace
        self._read_start = read_start
        self._locks = installation / LOCKS
        self._held: set[str] = set()
        self._stack = ExitStack()
        self._granted: str | None = None
        self._robots = Robots(self._fetch_robots, opted_out=opted_out)

    def admit(self, address: str) -> None:
        """Return when the address may be asked for now.

        Raises:
            PageRefused: robots.txt forbids it, or it is not an http address.
            PageUnreachable: robots.txt cannot be fetched because the server fails.
            TooManyRequests: the host wants a longer wait than is sat out.
            HostBusy: another crawl is at work on the host.
        """
        if self._granted is not None and self._granted in (address, address.partition("?")[0]):
            self._granted = None
            self._robots.demand(address)
            return
        self._hold(host_of(address))
        self._robots.demand(address)
        self._pace.wait(host_of(address), pause_s=self._robots.pause_s(address))

    def grant(self, address: str) -> None:
        """Admit an address that a source fetches next: its own :meth:`admit` for it then waits no second time.

        An address without a query stands for the same one with whatever query the source adds to it.
        """
        self._granted = None
        self.admit(address)
        self._granted = address

    def permit(self, address: str) -> None:
        """Return when robots.txt allows what a page loads by itself; its pace is that of the page.

        Raises:
            PageRefused: robots.txt forbids it, or it is not an http address.
            PageUnreachable: robots.txt cannot be fetched because the server fails.
        """
        self._robots.demand(address)

    def close(self) -> None:
        """Give the hosts back to other crawls."""
        self._stack.close()
        self._held.clear()

    def _fetch_robots(self, address: str) -> WebAnswer:
        self._pace.wait(host_of(address))
        return self._read_start(address, MAX_ROBOTS_BYTES)

    def _hold(self, host: str) -> None:
        if host in self._held:
            return
        with storage_errors(self._locks):
            self._locks.mkdir(parents=True, exist_ok=True)
        try:
            self._stack.enter_context(hold_lock(self._locks / f"{quote(host, safe='')}.lock", wait=False))
        except Held as error:
            raise HostBusy(
                f"another crawl is at work on {host}; wait for it, then run the same command again"
            ) from error
        self._held.add(host)
