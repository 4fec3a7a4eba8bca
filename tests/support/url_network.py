"""A network in which every address is the same listener on loopback, and a table resolves names."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import httpcore
import pytest

from service.image_urls import Origin
from service.intake.bodies import ByteBudget
from service.intake.fetching import Fetcher
from service.problems import Refusal
from tests.support.fakes import PHOTO
from tests.support.url_tricks import NAMES, PUBLIC


@dataclass
class Listener:
    """A server on loopback that counts its connections.

    Attributes:
        port: where it listens.
        asked: the request lines and headers it got.
        respond: path to what is answered, from the status line on; None keeps silent.
    """

    port: int = 0
    n_connections: int = 0
    asked: list[str] = field(default_factory=list)
    respond: Callable[[str], bytes | None] = lambda path: answer(PHOTO)
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection."""
        self.n_connections += 1
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.asked.append(head)
            answer = self.respond(head.split(" ")[1])
            if answer is None:
                await self.closed.wait()
            else:
                writer.write(answer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


def answer(body: bytes, status: str = "200 OK", **headers: str) -> bytes:
    """Return an HTTP answer as it goes over the line."""
    lines = {"Content-Length": str(len(body)), **headers}
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


def moved(to: str) -> bytes:
    """Return an answer that redirects."""
    return answer(b"", "302 Found", Location=to)


class Lines(httpcore.AsyncNetworkBackend):
    """The network as these tests have it: every connection is noted, and ends at the listener, whatever its address."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._real = httpcore.AnyIOBackend()
        self.connected: list[tuple[str, int]] = []

    async def connect_tcp(self, host: str, port: int, *rest: Any, **named: Any) -> httpcore.AsyncNetworkStream:
        """Connect to the listener."""
        self.connected.append((host, port))
        return WithoutTls(await self._real.connect_tcp("127.0.0.1", self._listener.port, timeout=5))


class WithoutTls(httpcore.AsyncNetworkStream):
    """A stream on which TLS does nothing but note the name that it was begun for."""

    names: ClassVar[list[str]] = []

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return await self._stream.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        self.names.append(server_hostname or "")
        return self

    def get_extra_info(self, info: str) -> Any:
        return None if info == "ssl_object" else self._stream.get_extra_info(info)


class Names:
    """A resolver over a table; one name leads elsewhere the second time that it is asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        """Return the addresses of a name."""
        self.asked.append(host)
        if host == "rebinds.example":
            return [PUBLIC] if self.asked.count(host) == 1 else ["127.0.0.1"]
        if host not in NAMES:
            raise OSError("no such name")
        return NAMES[host]


# Trusts nobody and is made in no time; with the network of these tests TLS does nothing.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def quick_fetcher(allowed: Iterable[Origin] = (), **named: Any) -> Fetcher:
    """Return a fetcher for a network without TLS."""
    return Fetcher(allowed, ssl_context=NO_TLS, **named)


async def fetched(fetcher: Fetcher, url: str) -> bytes:
    """Return what is fetched, counted to a budget of 100 MB."""
    with ByteBudget(100_000_000).claims() as claim:
        return await fetcher.fetch(url, claim)


async def refusal(fetcher: Fetcher, url: str) -> Refusal:
    """Return why a URL is not fetched."""
    with pytest.raises(Refusal) as caught:
        await fetched(fetcher, url)
    return caught.value
