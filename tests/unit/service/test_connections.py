"""One connection's bounds, against a real server on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from service.connections import MAX_HEADER_BYTES, GuardedProtocol
from service.headers import SECURITY_HEADERS
from tests.unit.service.conftest import Ask

Start = Callable[..., Any]


async def _app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a large body for /large, and without reading the request's for anything else."""
    body = b"x" * 50_000_000 if scope["path"] == "/large" else b"hello"
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(body)).encode())]}
    )
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Start a server with the given bounds; return its port."""
    servers: list[tuple[uvicorn.Server, asyncio.Task[None]]] = []

    async def begin(**bounds: float) -> int:
        guarded = type("Guarded", (GuardedProtocol,), bounds)
        config = uvicorn.Config(
            _app, port=0, http=guarded, ws="none", lifespan="off", log_config=None, timeout_graceful_shutdown=1
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


async def _told(port: int, *pieces: bytes) -> tuple[int, dict[str, Any]]:
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


async def test_a_request_within_the_bounds_is_answered(start: Start) -> None:
    """Twice on one connection, the second with as many headers as may be."""
    reader, writer = await asyncio.open_connection("127.0.0.1", await start())
    for padding in (b"", b"X-Padding: " + b"a" * (MAX_HEADER_BYTES - 100) + b"\r\n"):
        writer.write(b"GET / HTTP/1.1\r\nHost: t\r\n" + padding + b"\r\n")
        assert (await reader.readuntil(b"hello")).startswith(b"HTTP/1.1 200")
    writer.close()


@pytest.mark.parametrize(
    "pieces",
    [
        [b"GET / HTTP/1.1\r\n", b"X-Padding: " + b"a" * MAX_HEADER_BYTES, b"\r\n\r\n"],
        [b"GET / HTTP/1.1\r\n", *[b"X-%d: %s\r\n" % (n, b"a" * 1000) for n in range(40)]],
        [b"GET /" + b"a" * (MAX_HEADER_BYTES + 10), b" HTTP/1.1\r\n\r\n"],
        [b"GET / HTTP/1.1\r\nX-Padding: " + b"a" * (MAX_HEADER_BYTES + 10) + b"\r\n\r\n"],
    ],
)
async def test_headers_that_grow_too_large_are_refused(start: Start, pieces: list[bytes]) -> None:
    """Whether they come in one piece, in many or never end."""
    status, problem = await _told(await start(), *pieces)
    assert (status, problem["code"]) == (431, "headers_too_large")


async def test_headers_that_do_not_come_are_not_waited_for(start: Start) -> None:
    """A request that was begun is told so; a connection that stays silent is closed."""
    port = await start(header_s=0.1)
    status, problem = await _told(port, b"GET / HTTP/1.1\r\nHost:")
    assert (status, problem["code"]) == (408, "headers_too_slow")
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()


async def test_sending_a_byte_now_and_then_wins_no_time(start: Start) -> None:
    """The bound is on the whole of the headers, not on the pause between two bytes."""
    port = await start(header_s=0.2)
    status, problem = await _told(port, b"GET / HTTP/1.1\r\n", *[b"a"] * 100)
    assert (status, problem["code"]) == (408, "headers_too_slow")


async def test_what_is_not_http_is_a_problem(start: Start) -> None:
    """As every other error."""
    status, problem = await _told(await start(), b"\x16\x03\x01\x02\x00\x01\r\n\r\n")
    assert (status, problem["code"]) == (400, "malformed_body")


async def test_one_connection_too_many_is_refused(start: Start) -> None:
    """And told when to come again."""
    port = await start(max_connections=1)
    _, first = await asyncio.open_connection("127.0.0.1", port)
    await asyncio.sleep(0.05)
    status, problem = await _told(port)
    assert (status, problem["code"]) == (429, "overloaded")
    first.close()


async def test_a_reader_that_stalls_is_cut(start: Start) -> None:
    """Its answer would be held in memory for as long as it likes."""
    port = await start(stalled_s=0.1)
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
    writer.write(b"GET /large HTTP/1.1\r\nHost: t\r\n\r\n")
    await asyncio.sleep(0.5)
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await reader.readexactly(50_000_000)
    writer.close()


async def test_a_reader_that_is_merely_slow_gets_everything(start: Start) -> None:
    """As long as it goes on."""
    port = await start(stalled_s=5.0)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /large HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert len(await reader.read(-1)) == 50_000_000
    writer.close()


async def test_every_answer_carries_the_headers_that_keep_browsers_out(serve: Ask) -> None:
    """Data may not be framed, sniffed or kept; the page to read may bring its own style and nothing else."""
    client = await serve()
    for path in ("/ping", "/nothing", "/v1/limits", "/openapi.json"):
        response = await client.get(path)
        assert {name: response.headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS
    policy = (await client.get("/docs")).headers["content-security-policy"]
    assert "script-src" not in policy
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'")


async def test_pages_of_other_origins_may_ask_only_where_the_operator_says_so(serve: Ask) -> None:
    """By exact origin, without cookies; nobody by default."""
    origin = {"origin": "https://app.example"}
    question = {**origin, "access-control-request-method": "PUT", "access-control-request-headers": "if-match"}
    closed = await serve()
    assert "access-control-allow-origin" not in (await closed.get("/ping", headers=origin)).headers
    assert (await closed.options("/ping", headers=question)).status_code == 405
    client = await serve(cors_origins="https://app.example, https://b.example")
    answer = await client.get("/ping", headers=origin)
    assert answer.headers["access-control-allow-origin"] == "https://app.example"
    assert "access-control-allow-credentials" not in answer.headers
    assert "Origin" in answer.headers["vary"]
    assert "X-Request-ID" in answer.headers["access-control-expose-headers"]
    before = await client.options("/v1/sets/a", headers=question)
    assert before.status_code == 200
    assert before.headers["x-request-id"]
    other = await client.get("/ping", headers={"origin": "https://evil.example"})
    assert "access-control-allow-origin" not in other.headers
    failed = await client.get("/nothing", headers=origin)
    assert failed.headers["access-control-allow-origin"] == "https://app.example"


async def test_the_contract_can_be_taken_off_the_air(serve: Ask) -> None:
    """Both forms of it."""
    client = await serve(docs=False)
    for path in ("/docs", "/openapi.json"):
        response = await client.get(path)
        assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert (await client.get("/ping")).status_code == 200
