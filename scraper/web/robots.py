"""What a site's robots.txt and X-Robots-Tag allow (RFC 9309).

robots.txt is fetched once a host and kept for a day. Without one (4xx) everything is allowed; where the server fails
(5xx, no answer) nothing is, until it answers. Only its first 500 KiB count. An operator may have robots.txt ignored for
a host, by name, where the site has given permission another way; each such host is logged and stands in the report.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from protego import Protego

from scraper.errors import PageBroken, PageRefused, PageUnreachable, TooManyRequests
from scraper.port import WebAnswer
from scraper.web.addresses import host_of

LOGGER = logging.getLogger(__name__)

MAX_ROBOTS_BYTES = 500 * 1024
"""RFC 9309 asks for at least this much to be read."""
MAX_AGE_S = 24 * 3600.0
RETRY_S = 300.0
"""Seconds until a robots.txt that could not be fetched is asked for again."""
LONGEST_PAUSE_S = 300.0
"""A longer Crawl-delay is shortened to this."""

PRODUCT = "tagsmith"
"""The name by which a robots.txt addresses this program."""


@dataclass(frozen=True, slots=True)
class _Rules:
    parsed: Protego | None
    closed: bool
    until: float


class Robots:
    """Rules by host, fetched when a host is first met.

    Args:
        fetch: returns the answer for an address whatever its status, bounded in size; raises as ``WebClient.get``.
        opted_out: hosts whose robots.txt is ignored because the operator says so.
        clock: seconds.
    """

    def __init__(
        self,
        fetch: Callable[[str], WebAnswer],
        *,
        opted_out: frozenset[str] = frozenset(),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._fetch = fetch
        self._opted_out = opted_out
        self._clock = clock
        self._rules: dict[str, _Rules] = {}
        for host in sorted(opted_out):
            LOGGER.warning("robots.txt of %s is ignored, as the operator asked by naming the host", host)

    def demand(self, address: str) -> None:
        """Return when the address may be fetched.

        Raises:
            PageRefused: robots.txt forbids it.
            PageUnreachable: robots.txt cannot be fetched because the server fails.
        """
        host = host_of(address)
        if self._ignored(host):
            return
        rules = self._of(address)
        if rules.closed:
            raise PageUnreachable(f"robots.txt of {host} cannot be fetched just now, so no page of it is")
        if rules.parsed is not None and not rules.parsed.can_fetch(address, PRODUCT):
            raise PageRefused(f"robots.txt of {host} forbids this page")

    def pause_s(self, address: str) -> float:
        """Return the pause between two requests that the host's robots.txt asks for, in seconds, or 0."""
        rules = self._rules.get(_root(address))
        if self._ignored(host_of(address)) or rules is None or rules.parsed is None:
            return 0.0
        delay = rules.parsed.crawl_delay(PRODUCT) or 0.0
        rate = rules.parsed.request_rate(PRODUCT)
        if rate is not None and rate.requests > 0:
            delay = max(delay, rate.seconds / rate.requests)
        return min(max(delay, 0.0), LONGEST_PAUSE_S)

    def _ignored(self, host: str) -> bool:
        return host in self._opted_out or host.rpartition(":")[0] in self._opted_out

    def _of(self, address: str) -> _Rules:
        root = _root(address)
        known = self._rules.get(root)
        if known is None or self._clock() >= known.until:
            known = self._rules[root] = self._read(f"{root}/robots.txt")
        return known

    def _read(self, address: str) -> _Rules:
        now = self._clock()
        try:
            answer = self._fetch(address)
        except PageRefused:
            return _Rules(None, False, now + MAX_AGE_S)
        except TooManyRequests as error:
            return _Rules(None, True, now + max(RETRY_S, error.retry_after_s or 0.0))
        except (PageUnreachable, PageBroken):
            return _Rules(None, True, now + RETRY_S)
        if answer.status >= 500 or answer.status == 429:
            return _Rules(None, True, now + RETRY_S)
        if answer.status >= 300:
            return _Rules(None, False, now + MAX_AGE_S)
        text = answer.body[:MAX_ROBOTS_BYTES].decode("utf-8", "replace").removeprefix("\ufeff")
        return _Rules(Protego.parse(text), False, now + MAX_AGE_S)


def _root(address: str) -> str:
    return f"{urlsplit(address).scheme}://{host_of(address)}"


def demand_indexing(headers: Mapping[str, str]) -> None:
    """Return when an answer's ``X-Robots-Tag`` lets it be kept.

    ``noindex``, ``none``, ``noai`` and ``noimageai`` forbid; a directive behind the name of another robot does not
    concern us.

    Args:
        headers: names in lower case; several values of one name are joined by commas.

    Raises:
        PageRefused: it forbids.
    """
    mine = True
    for piece in headers.get("x-robots-tag", "").lower().split(","):
        name, colon, rest = piece.strip().partition(":")
        if colon and name.strip() != "unavailable_after":
            mine = name.strip() == PRODUCT
            piece = rest
        if mine and piece.strip() in ("noindex", "none", "noai", "noimageai"):
            raise PageRefused("X-Robots-Tag forbids keeping this page")
