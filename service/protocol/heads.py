"""HEAD wherever GET is answered, as RFC 9110 (section 9.3.2) wants it: the same headers, and no body."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send


class HeadLikeGet:
    """ASGI middleware: what is inside sees GET; the server, which knows of HEAD, leaves the body out."""

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
