"""A web client whose every answer is bounded in size and time, and that reaches public addresses alone.

The time counts from the moment of asking to the last byte read, and the size after unpacking, so that bodies without
end, headers that come a byte at a time and pages that unpack to gigabytes all end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin

import httpcore
import httpx

from scraper.errors import LoginWall, PageBroken, PageRefused, PageUnreachable, TooManyRequests
from scraper.port import WebAnswer
from scraper.web.addresses import Resolver, host_of, resolve
from scraper.web.robots import demand_indexing
from scraper.web.transport import BoundedBackend, BoundedTransport, OutOfTime

MAX_REDIRECTS = 5
MAX_BYTES = 20 * 1024 * 1024
TIMEOUT_S = 60.0
REDIRECTS = frozenset({301, 302, 303, 307, 308})


def user_agent(version: str, contact: str | None) -> str:
    """Return what every request says of who asks: the program, its version and how to reach who runs it."""
    shown = "".join(sign for sign in contact or "" if sign.isprintable() and sign.isascii() and sign not in "()")
    return f"tagsmith/{version} ({shown.strip() or 'no contact given'})"


class GuardedWeb:
    """Fetches within bounds; a ``WebClient``. Not for several threads at once.

    Args:
        agent: the ``User-Agent`` of every request.
        admit: called with every address before it is asked, redirects included; raises to forbid, waits to pace.
        allowed_hosts: hosts that may have private addresses.
        max_bytes: largest size of a decoded body.
        timeout_s: longest time of one exchange, redirects apart.
        resolver: gives a host's IP addresses.
        clock: seconds, for the bounds.
        now: seconds since 1970, for a Retry-After that names a date.
        network: opens the connections; None for the system's.

    Attributes:
        n_bytes: decoded bytes of all bodies so far.
    """

    def __init__(
        self,
        agent: str,
        *,
        admit: Callable[[str], None] = lambda address: None,
        allowed_hosts: frozenset[str] = frozenset(),
        max_bytes: int = MAX_BYTES,
        timeout_s: float = TIMEOUT_S,
        resolver: Resolver = resolve,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        network: httpcore.NetworkBackend | None = None,
    ) -> None:
        self._admit = admit
        self._max_bytes = max_bytes
        self._backend = BoundedBackend(allowed_hosts, resolver, clock, timeout_s, network)
        self._now = now
        self._client = httpx.Client(
            transport=BoundedTransport(self._backend),
            headers={"User-Agent": agent, "Accept-Encoding": "gzip, deflate"},
            timeout=timeout_s,
            trust_env=False,
        )
        self.n_bytes = 0

    def get(
        self,
        address: str,
        *,
        headers: Mapping[str, str] | None = None,
        max_bytes: int | None = None,
        any_status: bool = False,
    ) -> WebAnswer:
        """Return what a GET gives; raises as ``WebClient.get`` says."""
        bound = self._max_bytes if max_bytes is None else max_bytes
        answer = self._follow(address, dict(headers or {}), bound, cut=False)
        judge(answer.status, answer.headers, answer.address, self._now, any_status=any_status)
        demand_indexing(answer.headers)
        return answer

    def exchange(
        self, method: str, address: str, *, headers: Mapping[str, str], body: bytes, max_bytes: int
    ) -> WebAnswer:
        """Return the answer to one request; raises as ``WebClient.exchange`` says."""
        self._admit(address)
        answer = self._exchange(method, address, headers, body, max_bytes, cut=False)
        self._client.cookies.clear()  # they belong to the session that asked
        judge(answer.status, answer.headers, address, self._now, any_status=True)
        demand_indexing(answer.headers)
        return answer

    def get_start(self, address: str, max_bytes: int) -> WebAnswer:
        """Return what a GET gives whatever its status, with at most the first ``max_bytes`` of it.

        Raises:
            PageRefused: the address or one that it redirects to may not be fetched.
            PageBroken: the body is broken in its encoding.
            PageUnreachable: no connection, or too slow.
        """
        return self._follow(address, {}, max_bytes, cut=True)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _follow(self, address: str, headers: dict[str, str], max_bytes: int, *, cut: bool) -> WebAnswer:
        for _ in range(MAX_REDIRECTS + 1):
            host = host_of(address)
            self._admit(address)
            answer = self._exchange("GET", address, headers, b"", max_bytes, cut=cut)
            target = answer.headers.get("location")
            if answer.status not in REDIRECTS or not target:
                return answer
            address = _joined(address, target)
            if host_of(address) != host:
                headers = {}  # what was meant for one host is not told to another
        raise PageRefused(f"{host} redirects more than {MAX_REDIRECTS} times")

    def _exchange(
        self, method: str, address: str, headers: Mapping[str, str], body: bytes, max_bytes: int, *, cut: bool
    ) -> WebAnswer:
        host = host_of(address)
        self._backend.begin()
        try:
            with self._client.stream(
                method, address, headers=dict(headers), content=body or None, follow_redirects=False
            ) as response:
                whole = response.status_code not in REDIRECTS
                return WebAnswer(
                    address,
                    response.status_code,
                    lower_names(response.headers.multi_items()),
                    self._read(response, max_bytes, cut, host) if whole else b"",
                    tuple(response.headers.get_list("set-cookie")),
                )
        except httpx.DecodingError as error:
            raise PageBroken(f"an answer of {host} is broken in its encoding") from error
        except (httpx.TimeoutException, OutOfTime) as error:
            raise PageUnreachable(f"{host} took longer than {self._backend.timeout_s:.0f} s") from error
        except httpx.TransportError as error:
            raise PageUnreachable(f"{host} cannot be reached ({type(error).__name__})") from error
        except (httpx.InvalidURL, ValueError) as error:
            raise PageRefused(f"an address of {host} is not valid and is left out") from error

    def _read(self, response: httpx.Response, max_bytes: int, cut: bool, host: str) -> bytes:
        body = bytearray()
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > max_bytes:
                if cut:
                    break
                raise PageBroken(f"an answer of {host} is larger than {max_bytes / 1e6:.1f} MB and is left out")
            if self._backend.left() <= 0:
                raise OutOfTime
        del body[max_bytes:]
        self.n_bytes += len(body)
        return bytes(body)


def _joined(address: str, target: str) -> str:
    try:
        return urljoin(address, target)
    except ValueError as error:
        raise PageRefused(f"{host_of(address)} redirects to an address that cannot be read") from error


def lower_names(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return headers with their names in lower case; several values of one name are joined by commas."""
    named: dict[str, str] = {}
    for name, value in headers:
        known = named.get(name.lower())
        named[name.lower()] = value if known is None else f"{known}, {value}"
    return named


def judge(
    status: int,
    headers: Mapping[str, str],
    address: str,
    now: Callable[[], float] = time.time,
    *,
    any_status: bool = False,
) -> None:
    """Return when an answer of this status is one to work with.

    Args:
        status: of HTTP.
        headers: names in lower case.
        address: where it came from.
        now: seconds since 1970.
        any_status: accept every status that does not ask to slow down.

    Raises:
        LoginWall: 401.
        TooManyRequests: 429, or 503 with Retry-After.
        PageRefused: another 4xx, or a redirect without an address.
        PageUnreachable: 408 or another 5xx.
    """
    host = host_of(address)
    wait = retry_after_s(headers.get("retry-after"), now())
    if status == 429 and wait is None:
        wait = _reset_s(headers.get("x-ratelimit-reset"), now())
    if status == 429 or (status == 503 and wait is not None):
        raise TooManyRequests(f"{host} asks to slow down ({status})", retry_after_s=wait)
    if 200 <= status < 300 or any_status:
        return
    if status == 401:
        raise LoginWall(f"{host} wants an account (401)")
    if status >= 500 or status == 408:
        raise PageUnreachable(f"{host} fails ({status})")
    raise PageRefused(f"{host} refuses ({status})")


def _reset_s(value: str | None, now: float) -> float | None:
    """Return the seconds until the moment that Mastodon names in place of a Retry-After, None for another's form.

    See https://docs.joinmastodon.org/api/rate-limits/: an ISO 8601 time.
    """
    try:
        moment = datetime.fromisoformat(value or "")
    except ValueError:
        return None
    return max(0.0, moment.timestamp() - now) if moment.tzinfo is not None else None


def retry_after_s(value: str | None, now: float) -> float | None:
    """Return the seconds that a ``Retry-After`` header asks to wait (RFC 9110, 10.2.3), or None without one."""
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit() and len(value) < 10:
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        return None
