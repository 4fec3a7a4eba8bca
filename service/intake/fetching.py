"""Pictures by URL: fetched for the caller, without giving anyone a look into the network that the service is in.

Every hop is checked: https on port 443 to a public address, or an origin that the operator allows. The name is
resolved once, and the connection goes to the address that was checked; TLS and Host carry the name. What is refused
is told with one sentence, whatever lies behind it.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpcore

from core.public_addresses import all_public
from service.image_urls import DEFAULT_PORTS, ImageUrl, Origin, read_url, redirected
from service.intake.bodies import Claim
from service.problems import FieldError, Refusal
from service.schemas.requests import MAX_IMAGE_BYTES
from service.shares import Holdings, share_of

MAX_REDIRECTS = 3
TOTAL_S = 5.0
MAX_AT_ONCE = 16
"""Pictures that are fetched side by side; one caller has at most its share of these."""
MAX_HEAD_BYTES = 32_768
"""Of what comes before the answer itself: its headers, and interim answers (1xx), of which there may be any number."""
HEAD_PIECE_BYTES = 2_048
PIECE_BYTES = 16_384
"""What is read at once; the event loop does other work before the next piece."""
MAX_SPARE_CHUNKS = 1_000
LEAST_CHUNK_BYTES = 1_024
"""A body may come in as many chunks of this size as it needs, in ``MAX_SPARE_CHUNKS`` more, and one for each read."""
CHUNKS_AT_A_TIME = 64
MAX_ADDRESSES = 2
REDIRECTS = (301, 302, 303, 307, 308)
FIELD = "image.url"
# Looking a name up blocks a thread, even when nobody waits for it any more: for half a minute where the name's servers
# do not answer. There are more threads than such names can be asked for in that time.
N_RESOLVERS = 8 * MAX_AT_ONCE

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""(name, port) to its addresses, best first; OSError when there are none."""
LookUp = Callable[[str, int], list[str]]
"""The same, called in a thread that it may block."""


def look_up(host: str, port: int) -> list[str]:
    """Return the addresses that this machine's resolver gives for a name."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


class Fetcher:
    """Fetches pictures from public addresses and from allowed origins; lives on one event loop.

    Args:
        allowed: origins that are asked whatever address they have.
        resolve: looks a name up; by default ``look_up`` in a thread.
        look_up: looks a name up, blocking.
        ssl_context: for https.
        network: opens connections.
        total_s: seconds for one picture, redirects included.
    """

    def __init__(
        self,
        allowed: Iterable[Origin] = (),
        *,
        resolve: Resolve | None = None,
        look_up: LookUp = look_up,
        ssl_context: ssl.SSLContext | None = None,
        network: httpcore.AsyncNetworkBackend | None = None,
        total_s: float = TOTAL_S,
    ) -> None:
        self._allowed = frozenset(allowed)
        self._resolvers = ThreadPoolExecutor(N_RESOLVERS, thread_name_prefix="resolve")
        self._look_up = look_up
        self._resolve = resolve or self._in_a_thread
        self._ssl = ssl_context or httpcore.default_ssl_context()
        self._network = network or httpcore.AnyIOBackend()
        self._total_s = total_s
        self._holdings = Holdings()
        self._freed = asyncio.Event()

    async def fetch(self, text: str, claim: Claim) -> bytes:
        """Return the bytes at the URL ``text``; whether they are a picture is for the classifier to say.

        Raises:
            Refusal: ``image_url_refused``, ``image_url_unreachable`` or ``image_too_large``.
            Overloaded: too many bytes are held already.
        """
        url = read_url(text)
        if url is None:
            raise _refused()
        try:
            async with asyncio.timeout(self._total_s), self._entered(claim.caller):
                for _ in range(MAX_REDIRECTS + 1):
                    found = await self._ask(url, await self._addresses(url), claim)
                    if isinstance(found, bytes):
                        return found
                    following = redirected(url, found)
                    if following is None:
                        raise _refused()
                    url = following
        except (TimeoutError, OSError, ValueError, httpcore.TimeoutException, httpcore.NetworkError):
            raise _unreachable() from None
        except (httpcore.ProtocolError, httpcore.UnsupportedProtocol):
            raise _unreachable() from None
        raise _unreachable()

    def close(self) -> None:
        """Let the threads end."""
        self._resolvers.shutdown(wait=False, cancel_futures=True)

    @asynccontextmanager
    async def _entered(self, caller: str) -> AsyncIterator[None]:
        """Wait until ``caller`` may fetch one more picture, and let it for the block."""
        while self._holdings.total >= MAX_AT_ONCE or self._holdings.of(caller) >= share_of(MAX_AT_ONCE):
            self._freed.clear()
            await self._freed.wait()
        self._holdings.add(caller, 1)
        try:
            yield
        finally:
            self._holdings.add(caller, -1)
            self._freed.set()

    async def _addresses(self, url: ImageUrl) -> list[str]:
        """Return the addresses to connect to, or refuse the URL."""
        allowed = url.origin in self._allowed
        if not allowed and (url.origin.scheme, url.origin.port) != ("https", 443):
            raise _refused()
        try:
            addresses = [url.address] if url.address else await self._resolve(url.origin.host, url.origin.port)
        except (OSError, UnicodeError):
            addresses = []
        # A name without an address is refused like one with a private address: which names exist is not told.
        if not addresses or not (allowed or all_public(addresses)):
            raise _refused()
        return addresses[:MAX_ADDRESSES]

    async def _ask(self, url: ImageUrl, addresses: list[str], claim: Claim) -> bytes | str:
        """Return the body of one answer, or where it redirects to."""
        request = httpcore.Request(
            "GET",
            httpcore.URL(
                scheme=url.origin.scheme, host=url.origin.host, port=url.origin.port, target=url.target.encode("ascii")
            ),
            headers=[
                ("Host", _host_header(url.origin)),
                ("User-Agent", "tagsmith"),
                ("Accept", "image/*"),
                ("Accept-Encoding", "identity"),
                ("Connection", "close"),
            ],
        )
        network = _Pinned(self._network, addresses)
        pool = httpcore.AsyncConnectionPool(
            ssl_context=self._ssl, max_connections=1, max_keepalive_connections=0, network_backend=network
        )
        async with pool:
            response = await pool.handle_async_request(request)
            network.received.head_is_over = True
            try:
                return await self._read(response, network.received, claim)
            finally:
                await response.aclose()

    async def _read(self, response: httpcore.Response, received: _Received, claim: Claim) -> bytes | str:
        headers = {name.lower(): value for name, value in response.headers}
        if response.status in REDIRECTS:
            return headers.get(b"location", b"").decode("latin-1")
        if response.status != 200 or headers.get(b"content-encoding", b"identity").lower() != b"identity":
            raise _unreachable()
        announced = headers.get(b"content-length", b"")
        if announced.isdigit() and int(announced[:20]) > MAX_IMAGE_BYTES:
            raise _too_large()
        body = bytearray()
        async for chunk in claim.draw_for(_chunks(response, received)):
            body += chunk
            if len(body) > MAX_IMAGE_BYTES:
                raise _too_large()
        return bytes(body)

    async def _in_a_thread(self, host: str, port: int) -> list[str]:
        return await asyncio.get_running_loop().run_in_executor(self._resolvers, self._look_up, host, port)


class _Pinned(httpcore.AsyncNetworkBackend):
    """Connects to the addresses that were checked, whatever name it is asked for.

    Attributes:
        received: what has come in.
    """

    def __init__(self, network: httpcore.AsyncNetworkBackend, addresses: list[str]) -> None:
        self._network = network
        self._addresses = addresses
        self.received = _Received()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        for last, address in enumerate(self._addresses, 1 - len(self._addresses)):
            try:
                return _Paced(
                    await self._network.connect_tcp(address, port, timeout, local_address, socket_options),
                    self.received,
                )
            except httpcore.ConnectError:
                if last == 0:
                    raise
        raise httpcore.ConnectError


@dataclass(slots=True)
class _Received:
    """What has come in over one connection."""

    n_reads: int = 0
    head_bytes: int = 0
    head_is_over: bool = False


class _Paced(httpcore.AsyncNetworkStream):
    """Reads in pieces so small that parsing one is not felt, and no head without end."""

    def __init__(self, stream: httpcore.AsyncNetworkStream, received: _Received) -> None:
        self._stream = stream
        self._received = received

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        await asyncio.sleep(0)  # what TLS has decrypted already is there without any waiting
        piece = await self._stream.read(
            min(max_bytes, PIECE_BYTES if self._received.head_is_over else HEAD_PIECE_BYTES), timeout
        )
        self._received.n_reads += 1
        if not self._received.head_is_over:
            self._received.head_bytes += len(piece)
            if self._received.head_bytes > MAX_HEAD_BYTES:
                raise httpcore.ReadError("the head does not end")
        return piece

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        return _Paced(await self._stream.start_tls(ssl_context, server_hostname, timeout), self._received)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


async def _chunks(response: httpcore.Response, received: _Received) -> AsyncIterator[bytes]:
    """Yield the body as it comes; one in pieces of a few bytes costs more to parse than any picture is worth.

    Raises:
        Refusal: ``image_url_unreachable``, when it comes in too many pieces.
    """
    n_chunks = n_bytes = 0
    async for chunk in response.aiter_stream():
        n_chunks, n_bytes = n_chunks + 1, n_bytes + len(chunk)
        if n_chunks - received.n_reads > MAX_SPARE_CHUNKS + n_bytes // LEAST_CHUNK_BYTES:
            raise _unreachable()
        if n_chunks % CHUNKS_AT_A_TIME == 0:
            await asyncio.sleep(0)
        yield chunk


def _host_header(origin: Origin) -> str:
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    return host if origin.port == DEFAULT_PORTS[origin.scheme] else f"{host}:{origin.port}"


def _refused() -> Refusal:
    return Refusal(
        "image_url_refused",
        "This URL is not fetched: it must be a plain https URL of a public host, on port 443, without credentials.",
        fields=(FieldError(FIELD, "is not a URL that this service fetches"),),
    )


def _unreachable() -> Refusal:
    return Refusal(
        "image_url_unreachable",
        "No picture came from the URL in time; send the picture itself.",
        fields=(FieldError(FIELD, "gave no picture in time"),),
    )


def _too_large() -> Refusal:
    return Refusal("image_too_large", f"The picture has more than {MAX_IMAGE_BYTES:,} bytes.")
