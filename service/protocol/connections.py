"""One connection, within bounds: the size of headers and framing, the time that they take, how long a reader stalls.

uvicorn bounds none of these on its httptools protocol; bodies and answers are bounded further in.
"""

from __future__ import annotations

import asyncio
import json
import resource
import uuid
from collections import Counter
from typing import Any, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from service.problems import KINDS, MEDIA_TYPE, Refusal, problem_body
from service.protocol.headers import SECURITY_HEADERS

MAX_HEADER_BYTES = 32_768
HEADER_S = 10.0
"""From a connection's start, or a request's first byte, to the end of its headers."""
STALLED_S = 30.0
"""How long a client may take nothing of an answer that waits for it."""
LINGER_S = 5.0
"""How long a body is still taken, and thrown away, once it has been answered: closing at once could lose the answer."""
MAX_CONNECTIONS = 2000
MAX_PIPELINED = 32
"""Requests that wait on one connection behind the one that is answered; each is small to send and large to hold."""
LEAST_TAKEN = 16_384
"""Bytes of a last answer that a client must take every ``STALLED_S``."""
SPARE_FILES = 256
"""Files that a process has open beside its connections: the bundle, the database, pictures that are fetched."""


class GuardedProtocol(HttpToolsProtocol):
    """HTTP/1.1 on one connection; what is out of bounds is refused with a problem, or cut."""

    header_s = HEADER_S
    stalled_s = STALLED_S
    linger_s = LINGER_S
    max_connections = MAX_CONNECTIONS

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._in_headers = True
        self._header_bytes = 0
        self._surplus_bytes = 0
        self._waiting_since = self.loop.time()
        self._patience: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._lingering: asyncio.TimerHandle | None = None
        self._rounds: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request."""
        # uvloop's transports are none of asyncio's classes.
        super().connection_made(cast(asyncio.Transport, transport))
        self._look(0)
        if len(self.connections) > self.max_connections and not self._make_room():
            self._refuse(Refusal("overloaded", "Too many connections are open.", headers={"Retry-After": "1"}))
            return
        self._wait_for_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let the timers go."""
        for timer in (self._patience, self._stalled, self._lingering, self._rounds):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came, unless headers, or what stands around a body, have grown too large."""
        if self.transport.is_closing():
            return
        if self._in_headers:
            self._header_bytes += len(data)
            self._wait_for_headers()
        else:
            self._surplus_bytes += len(data)
        self._parse(data)
        if self.transport.is_closing():
            return
        if self._in_headers and self._header_bytes > MAX_HEADER_BYTES:
            self._refuse(_too_large())
        elif not self._in_headers and self._surplus_bytes > MAX_HEADER_BYTES:
            self._refuse(Refusal("body_too_large", "The body comes in pieces that are too small, or with trailers."))

    def on_message_begin(self) -> None:
        """Begin to wait for the end of the headers.

        Raises:
            ValueError: too many requests wait already, or one was refused; the parser stops.
        """
        if self.transport.is_closing() or len(self.pipeline) >= MAX_PIPELINED:
            raise ValueError("nothing more is read from this connection")
        super().on_message_begin()
        self._in_headers = True
        self._wait_for_headers()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note a header; what comes behind a body is no header of the request, whatever it calls itself."""
        if self._in_headers:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Pass the request on, unless its headers are too large."""
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        n_bytes = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if n_bytes > MAX_HEADER_BYTES:
            self._refuse(_too_large())
        elif self.parser.get_http_version() == "1.1" and sum(name == b"host" for name, _ in self.headers) != 1:
            self._refuse(Refusal("malformed_body", "An HTTP/1.1 request has one Host header."))
        elif self._asks_to_upgrade:
            return
        self._in_headers = False
        self._surplus_bytes = 0
        if not self.transport.is_closing():
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body; that of a refused request belongs to nobody."""
        # Around a body there may be as many bytes of framing as it has itself, and a header's worth of trailers.
        self._surplus_bytes -= 2 * len(body)
        if self._current is not None and not self.transport.is_closing():
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request; the next one's headers may come."""
        self._in_headers = True
        self._header_bytes = 0
        if self._lingering is not None:
            self._lingering.cancel()
            self._lingering = None
        if self._current is not None and not self._asks_to_upgrade:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on to the next request, or leave a body that nobody wants."""
        self._waiting_since = self.loop.time()
        # Where others wait, the last of them is the one whose body may still be coming.
        if not self.pipeline and not self._in_headers and self._lingering is None:
            self._lingering = self.loop.call_later(self.linger_s, self.transport.close)
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Give the reader some time."""
        super().pause_writing()
        if self._stalled is None:
            self._stalled = self.loop.call_later(self.stalled_s, self.transport.abort)

    def resume_writing(self) -> None:
        """Note that the reader goes on."""
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP."""
        self._refuse(Refusal("malformed_body", "The request is not HTTP/1.1."))

    @property
    def _asks_to_upgrade(self) -> bool:
        return bool(self.parser.should_upgrade()) and self.parser.get_method() != b"CONNECT"

    def _parse(self, data: bytes) -> None:
        """Parse what came; an offer of another protocol is passed over, as RFC 9110 lets a server do."""
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except HttpParserUpgrade as upgrade:
            # The parser has passed over the body, so it gets the request once more, without the header.
            line = b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
            lines = [line, *(b"%s: %s" % one for one in self.headers if one[0] != b"upgrade"), b"", b""]
            self.parser = HttpRequestParser(self)
            self._parse(b"\r\n".join(lines) + data[upgrade.args[0] :])
        except HttpParserError:
            self.logger.warning("Invalid HTTP request received.")
            self.send_400_response("")

    @property
    def _current(self) -> RequestResponseCycle | None:
        """The last request whose headers are complete; uvicorn's type leaves out that there may be none yet."""
        return cast("RequestResponseCycle | None", self.cycle)

    @property
    def _is_inside(self) -> bool:
        """Whether a request of this connection is being answered, or waits for that."""
        return bool(self.pipeline) or (self._current is not None and not self._current.response_complete)

    def _wait_for_headers(self) -> None:
        if self._patience is None:
            self._patience = self.loop.call_later(self.header_s, self._give_up)

    def _give_up(self) -> None:
        self._patience = None
        if self.transport.is_closing() or not self._in_headers:
            return
        if self._is_inside:
            self._wait_for_headers()  # the next request has time until the one before is answered
        elif self._header_bytes:
            self._refuse(Refusal("headers_too_slow", "The headers did not come in time."))
        else:
            self.transport.close()

    def _look(self, left_before: int) -> None:
        """Cut a client that does not take the last bytes of a closed connection, which would be held for good."""
        left = self.transport.get_write_buffer_size() if self.transport.is_closing() else 0
        if left and left_before and left_before - left < LEAST_TAKEN:
            self.transport.abort()
        else:
            self._rounds = self.loop.call_later(self.stalled_s, self._look, left)

    def _make_room(self) -> bool:
        """Close a connection on which nothing is asked, of the peer with most of them; return whether there was one."""
        others = (one for one in self.connections if isinstance(one, GuardedProtocol) and one is not self)
        waiting = [one for one in others if not one._is_inside and not one.transport.is_closing()]
        if not waiting:
            return False
        held = Counter(one._peer for one in waiting)
        min(waiting, key=lambda one: (-held[one._peer], one._waiting_since)).transport.close()
        return True

    @property
    def _peer(self) -> str:
        return self.client[0] if self.client else ""

    def _refuse(self, refusal: Refusal) -> None:
        """Answer without the application, and close; only close where another request's answer is due or under way."""
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
    """Return how many connections fit into this process's bound on open files, which is raised as far as it may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_CONNECTIONS + SPARE_FILES
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return MAX_CONNECTIONS
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return max(1, allowed - SPARE_FILES)


def _too_large() -> Refusal:
    return Refusal("headers_too_large", f"The headers have more than {MAX_HEADER_BYTES:,} bytes.")
