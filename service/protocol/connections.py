"""Bounds on one connection: the size of headers and framing, the time they take, how long a reader may stall.

uvicorn bounds none of these on its httptools protocol. Bodies and answers are bounded by the application. What is used
of uvicorn here is undocumented, so ``pyproject.toml`` bounds its version (ADR 12).
"""

from __future__ import annotations

import asyncio
import json
import re
import resource
import uuid
from collections import Counter
from typing import Any, cast
from urllib.parse import unquote

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from service.problems import KINDS, MEDIA_TYPE, Refusal, problem_body
from service.protocol.headers import SECURITY_HEADERS

MAX_HEADER_BYTES = 32_768
HEADER_S = 10.0
"""From a connection's start, or a request's first byte, to the end of its headers."""
STALLED_S = 30.0
"""How long a client may read nothing of an answer that is ready for it."""
LINGER_S = 5.0
"""How long the rest of a body is read and discarded after the answer: closing at once could lose the answer."""
MAX_CONNECTIONS = 2000
MAX_PIPELINED = 32
"""Requests that may wait on one connection behind the one being answered; each is cheap to send and costly to hold."""
LEAST_TAKEN = 16_384
"""Bytes of the last answer on a connection that a client must read every ``STALLED_S``."""
_SLASH = re.compile("%2f", re.IGNORECASE)
SPARE_FILES = 256
"""Files that a process has open beside its connections: the bundle, the database, pictures that are fetched."""


class GuardedProtocol(HttpToolsProtocol):
    """HTTP/1.1 on one connection; a request out of bounds is refused with a problem, or the connection is cut.

    Attributes:
        max_connections: how many may be open in this process; ``room_for_connections`` tells how many fit.
    """

    header_s = HEADER_S
    stalled_s = STALLED_S
    linger_s = LINGER_S
    max_connections = MAX_CONNECTIONS

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._in_headers = True
        self._header_bytes = 0
        self._framing_bytes = 0
        self._waiting_since = self.loop.time()
        self._header_timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None
        self._linger_timer: asyncio.TimerHandle | None = None
        self._watch_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request."""
        # uvloop's transports are none of asyncio's classes.
        super().connection_made(cast(asyncio.Transport, transport))
        self._watch_last_bytes(0)
        if len(self.connections) > self.max_connections and not self._make_room():
            self._refuse(Refusal("overloaded", "Too many connections are open.", headers={"Retry-After": "1"}))
            return
        self._wait_for_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the timers."""
        for timer in (self._header_timer, self._stall_timer, self._linger_timer, self._watch_timer):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came, unless headers or the framing of a body have grown too large."""
        if self.transport.is_closing():
            return
        if self._in_headers:
            self._header_bytes += len(data)
            self._wait_for_headers()
        else:
            self._framing_bytes += len(data)
        self._parse(data)
        if self.transport.is_closing():
            return
        if self._in_headers and self._header_bytes > MAX_HEADER_BYTES:
            self._refuse(_too_large())
        elif not self._in_headers and self._framing_bytes > MAX_HEADER_BYTES:
            self._refuse(Refusal("body_too_large", "The body comes in pieces that are too small, or with trailers."))

    def on_message_begin(self) -> None:
        """Begin to wait for the end of the headers.

        Raises:
            ValueError: too many requests wait already, or one was refused; this stops the parser.
        """
        if self.transport.is_closing() or len(self.pipeline) >= MAX_PIPELINED:
            raise ValueError("nothing more is read from this connection")
        super().on_message_begin()
        self._in_headers = True
        self._wait_for_headers()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note a header of the request; trailers, which come after a body, are ignored."""
        if self._in_headers:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Pass the request to the application, unless its headers are refused."""
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None
        n_bytes = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if n_bytes > MAX_HEADER_BYTES:
            self._refuse(_too_large())
        elif self.parser.get_http_version() == "1.1" and sum(name == b"host" for name, _ in self.headers) != 1:
            self._refuse(Refusal("malformed_body", "An HTTP/1.1 request has one Host header."))
        elif any(name == b"transfer-encoding" and value.strip().lower() != b"chunked" for name, value in self.headers):
            # The parser undoes chunks alone: what is compressed besides would be taken as plain.
            self._refuse(Refusal("malformed_body", "The only Transfer-Encoding that is read is chunked."))
        elif self._asks_to_upgrade:
            return
        self._in_headers = False
        self._framing_bytes = 0
        if not self.transport.is_closing():
            super().on_headers_complete()
            path = self.scope["raw_path"].decode("ascii", "replace")
            if "%2f" in path.lower():
                # A slash in a name is no step of the path: a proxy that judges paths sees one segment here.
                self.scope["path"] = "%2F".join(map(unquote, _SLASH.split(path)))

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body; that of a refused request is discarded."""
        # Framing may take as many bytes as the body itself, and trailers as many as headers.
        self._framing_bytes -= 2 * len(body)
        if self._current is not None and not self.transport.is_closing():
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request; the next one's headers may come."""
        self._in_headers = True
        self._header_bytes = 0
        if self._linger_timer is not None:
            self._linger_timer.cancel()
            self._linger_timer = None
        if self._current is not None and not self._asks_to_upgrade:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on to the next request, or discard the rest of a body that was answered early."""
        self._waiting_since = self.loop.time()
        # Where other requests wait, it is the last of them whose body may still be coming.
        if not self.pipeline and not self._in_headers and self._linger_timer is None:
            self._linger_timer = self.loop.call_later(self.linger_s, self.transport.close)
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Give a reader that stalls ``stalled_s``."""
        super().pause_writing()
        if self._stall_timer is None:
            self._stall_timer = self.loop.call_later(self.stalled_s, self.transport.abort)

    def resume_writing(self) -> None:
        """Note that the reader goes on."""
        super().resume_writing()
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP."""
        self._refuse(Refusal("malformed_body", "The request is not HTTP/1.1."))

    @property
    def _asks_to_upgrade(self) -> bool:
        return bool(self.parser.should_upgrade()) and self.parser.get_method() != b"CONNECT"

    def _parse(self, data: bytes) -> None:
        """Parse what came; an offer to upgrade to another protocol is ignored, as RFC 9110 lets a server do."""
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except HttpParserUpgrade as upgrade:
            # The parser skips the body of such a request, so it gets the request once more, without the Upgrade header.
            line = b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
            lines = [line, *(b"%s: %s" % header for header in self.headers if header[0] != b"upgrade"), b"", b""]
            self.parser = HttpRequestParser(self)
            self._parse(b"\r\n".join(lines) + data[upgrade.args[0] :])
        except HttpParserError:
            self.logger.warning("Invalid HTTP request received.")
            self.send_400_response("")

    @property
    def _current(self) -> RequestResponseCycle | None:
        """The last request whose headers are complete, or None; uvicorn's type leaves out the None."""
        return cast("RequestResponseCycle | None", self.cycle)

    @property
    def _is_inside(self) -> bool:
        """Whether a request of this connection is being answered or waits to be."""
        return bool(self.pipeline) or (self._current is not None and not self._current.response_complete)

    def _wait_for_headers(self) -> None:
        if self._header_timer is None:
            self._header_timer = self.loop.call_later(self.header_s, self._give_up)

    def _give_up(self) -> None:
        self._header_timer = None
        if self.transport.is_closing() or not self._in_headers:
            return
        if self._is_inside:
            self._wait_for_headers()  # the next request has time until the one before is answered
        elif self._header_bytes:
            self._refuse(Refusal("headers_too_slow", "The headers did not come in time."))
        else:
            self.transport.close()

    def _watch_last_bytes(self, left_before: int) -> None:
        """Cut a client that does not read the last bytes of a closing connection: it would be held open for good."""
        left = self.transport.get_write_buffer_size() if self.transport.is_closing() else 0
        if left and left_before and left_before - left < LEAST_TAKEN:
            self.transport.abort()
        else:
            self._watch_timer = self.loop.call_later(self.stalled_s, self._watch_last_bytes, left)

    def _make_room(self) -> bool:
        """Close an idle connection of the peer with most of them; return whether there was one."""
        others = (other for other in self.connections if isinstance(other, GuardedProtocol) and other is not self)
        idle = [other for other in others if not other._is_inside and not other.transport.is_closing()]
        if not idle:
            return False
        n_of_peer = Counter(other._peer for other in idle)
        min(idle, key=lambda other: (-n_of_peer[other._peer], other._waiting_since)).transport.close()
        return True

    @property
    def _peer(self) -> str:
        return self.client[0] if self.client else ""

    def _refuse(self, refusal: Refusal) -> None:
        """Answer without the application and close; only close where another request's answer is due or under way."""
        cycle = self._current
        is_due = cycle is None or (cycle.response_complete if self._in_headers else not cycle.response_started)
        if self.pipeline or not is_due or self.transport.is_closing():
            self.transport.close()
            return
        status = KINDS[refusal.code].status
        request_id = uuid.uuid4().hex
        body = json.dumps(problem_body(refusal, instance="", request_id=request_id)).encode("ascii")
        headers = {
            "Content-Type": MEDIA_TYPE,
            "Content-Length": str(len(body)),
            "Connection": "close",
            "X-Request-ID": request_id,
            **SECURITY_HEADERS,
            **refusal.headers,
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.transport.write(f"HTTP/1.1 {status} \r\n{head}\r\n".encode("ascii") + body)
        self.transport.close()


def room_for_connections() -> int:
    """Return how many connections the limit on open files allows, after raising that limit as far as needed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_CONNECTIONS + SPARE_FILES
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return MAX_CONNECTIONS
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return max(1, allowed - SPARE_FILES)


def _too_large() -> Refusal:
    return Refusal("headers_too_large", f"The headers have more than {MAX_HEADER_BYTES:,} bytes.")
