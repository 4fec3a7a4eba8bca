"""The service's table of URL tricks at the crawler's door: nothing but a public address is ever connected to."""

from __future__ import annotations

import contextlib
import socket
from typing import Any

import httpcore
import pytest

from scraper.errors import CrawlError, PageRefused, PageUnreachable
from scraper.web.client import GuardedWeb
from tests.support.url_tricks import NAMES, PUBLIC, REFUSED

# What a service that fetches pictures over TLS refuses and a crawler may ask: the host is public, and only the scheme,
# the port or the spelling is unusual.
PUBLIC_FOR_A_CRAWLER = frozenset(
    {
        "another scheme: http",
        "another port",
        "port 80 with TLS",
        "port 0",
        "empty port",
        "port of TLS without TLS",
        "fragment before the host ends",
        "too long",
    }
)


class Lines(httpcore.NetworkBackend):
    """A network on which every connection is noted; the first may answer, the others fail."""

    def __init__(self, first: bytes | None = None) -> None:
        self._first = first
        self.connected: list[str] = []

    def connect_tcp(self, host: str, port: int, *rest: Any, **named: Any) -> httpcore.NetworkStream:
        """Note the address."""
        self.connected.append(host)
        answer, self._first = self._first, None
        if answer is None:
            raise httpcore.ConnectError
        return httpcore.MockStream([answer])


def looked_up(host: str, port: int) -> list[str]:
    """Return what the table says of a name; numbers are read as the system reads them, odd spellings included."""
    if host in NAMES:
        return NAMES[host]
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError) as error:
        raise PageUnreachable("no such name") from error
    return [str(entry[4][0]) for entry in found]


def connected(url: str, lines: Lines) -> list[str]:
    """Return the addresses that are connected to for a URL, whatever comes of it."""
    web = GuardedWeb("tagsmith/1", allowed_hosts=frozenset({"neighbour.test"}), resolver=looked_up, network=lines)
    with contextlib.suppress(CrawlError):
        web.get(url)
    web.close()
    return lines.connected


@pytest.mark.parametrize("trick", REFUSED)
def test_a_trick_connects_to_no_private_address(trick: str) -> None:
    """Whichever way around the check it tries; what is asked at all is the public host."""
    asked = connected(REFUSED[trick].replace("{port}", "8080"), Lines())
    assert asked == ([PUBLIC] if trick in PUBLIC_FOR_A_CRAWLER else [])


@pytest.mark.parametrize("trick", REFUSED)
def test_no_redirect_leads_to_a_private_address(trick: str) -> None:
    """Each hop is checked like the first."""
    target = REFUSED[trick].replace("{port}", "8080").encode()
    lines = Lines(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + target + b"\r\n\r\n")
    asked = connected("http://public.example/", lines)
    assert asked[:1] == [PUBLIC]
    assert set(asked) == {PUBLIC}


@pytest.mark.parametrize("address", ["168.63.129.16", "fec0::1", "2001:4860:4860::5efe:7f00:1", "2002:7f00:1::"])
def test_a_name_that_leads_to_a_wrapped_address_is_refused(address: str) -> None:
    """These the crawler once took for public."""
    with pytest.raises(PageRefused, match="private network"):
        GuardedWeb("tagsmith/1", resolver=lambda host, port: [address], network=Lines()).get("http://a.example/")
