"""A server on loopback with the bounds on connections and a tiny application behind them."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from service.protocol.connections import GuardedProtocol
from service.protocol.headers import SECURITY_HEADERS

Start = Callable[..., Any]


async def _app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a large body for /large, and hello without reading the request's for anything else.

    /read is answered with the body and the names of the headers, /late in half a second.
    """
    body = b"x" * 50_000_000 if scope["path"] == "/large" else b"hello"
    if scope["path"] == "/late":
        await asyncio.sleep(0.5)
    if scope["path"] == "/read":
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body, more = body + message["body"], message["more_body"]
        body += b" with " + b",".join(name for name, _ in scope["headers"]) + b"!"
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(body)).encode())]}
    )
    await send({"type": "http.response.body", "body": body})


@contextlib.asynccontextmanager
async def guarded_servers() -> AsyncIterator[Start]:
    """Yield what starts a server of ``app`` with the given bounds and returns its port; stop them all in the end."""
    servers: list[tuple[uvicorn.Server, asyncio.Task[None]]] = []

    async def begin(protocol: type[GuardedProtocol] = GuardedProtocol, app: ASGIApp = _app, **bounds: float) -> int:
        guarded = type("Guarded", (protocol,), bounds)
        config = uvicorn.Config(
            app, port=0, http=guarded, ws="none", lifespan="off", log_config=None, timeout_graceful_shutdown=1
        )
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.005)
        servers.append((server, task))
        return int(server.servers[0].sockets[0].getsockname()[1])

    yield begin
    for server, task in servers:
        server.should_exit = True
        await task


async def told(port: int, *pieces: bytes) -> tuple[int, dict[str, Any]]:
    """Send ``pieces``, one after the other, and return the status and the problem that come back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = asyncio.create_task(reader.readuntil(b"}"))  # read while it is sent: what is refused is closed
    with contextlib.suppress(ConnectionError):
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.01)
    head, _, body = (await answer).partition(b"\r\n\r\n")
    writer.close()
    for name in (*SECURITY_HEADERS, "X-Request-ID"):
        assert f"{name}: ".encode() in head
    return int(head.split()[1]), json.loads(body)
