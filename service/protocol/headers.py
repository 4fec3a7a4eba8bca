"""What every answer has in common on the wire: headers that keep browsers safe, and HEAD wherever there is GET."""

from __future__ import annotations

import uuid

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# A page may override these for itself; an answer of the service is data and nothing else.
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"

# What scripts of an allowed origin may send and read.
CORS_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE")
CORS_REQUEST_HEADERS = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "X-API-Key",
    "X-Request-ID",
)
CORS_ANSWER_HEADERS = ("ETag", "RateLimit", "RateLimit-Policy", "Retry-After", "Server-Timing", "X-Request-ID")


class SafeHeaders:
    """ASGI middleware around everything else: adds the security headers and the request id that an answer lacks."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, and its answer with what it lacks."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                # A browser's question before the request is answered further out than requests are named.
                headers.setdefault("X-Request-ID", uuid.uuid4().hex)
            await send(message)

        await self._app(scope, receive, send_safely)


class HeadLikeGet:
    """ASGI middleware that answers HEAD wherever GET is answered, with the same headers (RFC 9110, section 9.3.2).

    What is inside sees GET; the server leaves the body out.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        inside = {**scope, "method": "GET"}
        try:
            await self._app(inside, receive, send)
        finally:
            if "route" in inside:  # what is further out counts by it
                scope["route"] = inside["route"]
