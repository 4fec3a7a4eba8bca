"""One connection, within bounds: how large headers may be, how long they may take, and how long a reader may stall.

uvicorn bounds none of these on its httptools protocol; bodies and answers are bounded further in.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.headers import SECURITY_HEADERS
from service.problems import KINDS, MEDIA_TYPE, Refusal, problem_body

MAX_HEADER_BYTES = 32_768
HEADER_S = 10.0
"""From a connection's start, or a request's first byte, to the end of its headers."""
STALLED_S = 30.0
"""How long a client may take nothing of an answer that waits for it."""
LINGER_S = 5.0
"""How long a body is still taken, and thrown away, once it has been answered: closing at once could lose the answer."""
MAX_CONNECTIONS = 2000


class GuardedProtocol(HttpToolsProtocol):
    """HTTP/1.1 on one connection; what is out of bounds is refused with a problem, or cut."""

    header_s = HEADER_S
    stalled_s = STALLED_S
    max_connections = MAX_CONNECTIONS

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._in_headers = True
        self._header_bytes = 0
        self._patience: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request."""
        # uvloop's transports are none of asyncio's classes.
        super().connection_made(cast(asyncio.Transport, transport))
        if len(self.connections) > self.max_connections:
            self._refuse(Refusal("overloaded", "Too many connections are open.", headers={"Retry-After": "1"}))
            return
        self._wait_for_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let the timers go."""
        for timer in (self._patience, self._stalled):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came, unless headers have grown too large."""
        if self.transport.is_closing():
            return
        if self._in_headers:
            self._header_bytes += len(data)
            self._wait_for_headers()
        super().data_received(data)
        if self._in_headers and self._header_bytes > MAX_HEADER_BYTES and not self.transport.is_closing():
            self._refuse(_too_large())

    def on_message_begin(self) -> None:
        """Begin to wait for the end of the headers."""
        super().on_message_begin()
        self._in_headers = True
        self._wait_for_headers()

    def on_headers_complete(self) -> None:
        """Pass the request on, unless its headers are too large."""
        self._in_headers = False
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        n_bytes = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if n_bytes > MAX_HEADER_BYTES:
            self._refuse(_too_large())
        if not self.transport.is_closing():
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body; that of a refused request belongs to nobody."""
        if self.cycle is not None:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request; the next one's headers may come."""
        self._in_headers = True
        self._header_bytes = 0
        if self.cycle is not None:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on to the next request, or leave a body that nobody wants."""
        if self.cycle.more_body:
            self.loop.call_later(LINGER_S, self.transport.close)
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

    def _wait_for_headers(self) -> None:
        if self._patience is None:
            self._patience = self.loop.call_later(self.header_s, self._give_up)

    def _give_up(self) -> None:
        self._patience = None
        if not self.transport.is_closing() and self._in_headers:
            if self._header_bytes:
                self._refuse(Refusal("headers_too_slow", "The headers did not come in time."))
            else:
                self.transport.close()

    def _refuse(self, refusal: Refusal) -> None:
        """Answer without the application, and close."""
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


def _too_large() -> Refusal:
    return Refusal("headers_too_large", f"The headers have more than {MAX_HEADER_BYTES:,} bytes.")
