"""Connections that go to checked addresses alone and end when the exchange's time is up.

The address that was checked is the one that is connected to, so that a name cannot come to mean another one in
between. Each read and write gets only the time that the whole exchange has left.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Iterator
from functools import cache

import httpcore
import httpx

from scraper.web.addresses import Resolver, public_address


class OutOfTime(Exception):
    """The exchange's time is up."""


class BoundedBackend(httpcore.NetworkBackend):
    """Connects to checked addresses, and lets nothing last beyond the exchange's end.

    Args:
        allowed: hosts that may have private addresses.
        resolver: gives a host's IP addresses.
        clock: seconds.
        timeout_s: longest time of an exchange.
        network: opens the connections; None for the system's.
    """

    def __init__(
        self,
        allowed: frozenset[str],
        resolver: Resolver,
        clock: Callable[[], float],
        timeout_s: float,
        network: httpcore.NetworkBackend | None = None,
    ) -> None:
        self._allowed = allowed
        self._resolver = resolver
        self._clock = clock
        self._end = 0.0
        self._inner = network or httpcore.SyncBackend()
        self.timeout_s = timeout_s

    def begin(self) -> None:
        """Start the time of an exchange."""
        self._end = self._clock() + self.timeout_s

    def left(self) -> float:
        """Return the seconds that the exchange has left."""
        return self._end - self._clock()

    def bounded(self, timeout: float | None) -> float:
        """Return the shorter of a timeout and the time left; raises OutOfTime when no time is left."""
        left = self.left()
        if left <= 0:
            raise OutOfTime
        return left if timeout is None else min(left, timeout)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to a host whose addresses may be fetched; raises PageRefused for others."""
        address = public_address(host.lower(), port, self._allowed, self._resolver)
        return _BoundedStream(
            self._inner.connect_tcp(address, port, self.bounded(timeout), local_address, socket_options), self
        )


class _BoundedStream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream, owner: BoundedBackend) -> None:
        self._inner = inner
        self._owner = owner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._owner.bounded(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._owner.bounded(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        inner = self._inner.start_tls(ssl_context, server_hostname, self._owner.bounded(timeout))
        return _BoundedStream(inner, self._owner)

    def get_extra_info(self, info: str) -> object:
        return self._inner.get_extra_info(info)


class _Body(httpx.SyncByteStream):
    def __init__(self, stream: Iterable[bytes]) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._stream
        except httpcore.TimeoutException as error:
            raise httpx.ReadTimeout(str(error)) from error
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise httpx.ReadError(str(error)) from error

    def close(self) -> None:
        if hasattr(self._stream, "close"):
            self._stream.close()


@cache
def _certificates() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)


class BoundedTransport(httpx.BaseTransport):
    """httpx over a pool of the connections of a bounded backend."""

    def __init__(self, backend: BoundedBackend) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=_certificates(), network_backend=backend, keepalive_expiry=10.0
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Return the answer, its body still to be read."""
        url = httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        try:
            answer = self._pool.handle_request(
                httpcore.Request(
                    request.method,
                    url,
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions=request.extensions,
                )
            )
        except httpcore.TimeoutException as error:
            raise httpx.ConnectTimeout(str(error)) from error
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol) as error:
            raise httpx.ConnectError(str(error)) from error
        assert isinstance(answer.stream, Iterable)
        return httpx.Response(
            answer.status, headers=answer.headers, stream=_Body(answer.stream), extensions=answer.extensions
        )

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()
