"""One connection's bounds, against a real server on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from service.connections import MAX_CONNECTIONS, MAX_HEADER_BYTES, MAX_PIPELINED, SPARE_FILES, GuardedProtocol
from service.headers import SECURITY_HEADERS
from tests.unit.service.conftest import Ask

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


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Start a server with the given bounds; return its port."""
    servers: list[tuple[uvicorn.Server, asyncio.Task[None]]] = []

    async def begin(protocol: type[GuardedProtocol] = GuardedProtocol, **bounds: float) -> int:
        guarded = type("Guarded", (protocol,), bounds)
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
    """And told when to come again, where every other one has a request inside."""
    port = await start(max_connections=1)
    _, first = await asyncio.open_connection("127.0.0.1", port)
    first.write(b"POST /read HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n\r\n")
    await asyncio.sleep(0.05)
    status, problem = await _told(port)
    assert (status, problem["code"]) == (429, "overloaded")
    first.close()


async def test_who_holds_most_connections_without_asking_anything_makes_room(start: Start) -> None:
    """One client cannot keep the others out by opening as many as there may be."""
    port = await start(max_connections=4)
    kept_reader, kept = await asyncio.open_connection("127.0.0.1", port)
    hoard = [await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.2", 0)) for _ in range(3)]
    hoard[1][1].write(b"GET / HTTP/1.1\r\nHost: t\r\nX-Slow: ")  # half a request is none
    await asyncio.sleep(0.05)
    for _ in range(5):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
        assert (await reader.read()).endswith(b"hello")
        writer.close()
    assert await hoard[0][0].read() == b""
    kept.write(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n")
    assert await kept_reader.readuntil(b"hello")
    for writer in (kept, *(writer for _, writer in hoard)):
        writer.close()


CHUNKED = b"POST /read HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"


async def test_what_stands_behind_a_body_is_no_header(start: Start) -> None:
    """A trailer is passed over: it came after the request was let in."""
    reader, writer = await asyncio.open_connection("127.0.0.1", await start())
    writer.write(CHUNKED + b"2\r\nab\r\n0\r\nAuthorization: Bearer x\r\nContent-Encoding: gzip\r\n\r\n")
    assert (await reader.readuntil(b"!")).endswith(b"ab with host,transfer-encoding!")
    writer.close()


@pytest.mark.parametrize(
    "piece",
    [b"X-A: b\r\n" * 1000, b"X: " + b"a" * 9000, b"1\r\na\r\n" * 1500, b"1;" + b"x" * 9000 + b"\r\na\r\n"],
    ids=["trailers", "one long trailer", "tiny pieces", "extensions"],
)
async def test_framing_without_end_is_refused(start: Start, piece: bytes) -> None:
    """What stands around a body takes memory or time, and counts to no other bound."""
    last = b"" if piece.startswith(b"1") else b"2\r\n{}\r\n0\r\n"
    status, problem = await _told(await start(), CHUNKED, last, *[piece] * 10)
    assert (status, problem["code"]) == (413, "body_too_large")


async def test_a_body_in_small_pieces_is_taken(start: Start) -> None:
    """As a program sends it that writes line by line."""
    reader, writer = await asyncio.open_connection("127.0.0.1", await start(), limit=1 << 20)
    writer.write(CHUNKED)
    for _ in range(100):
        writer.write(b"a\r\n0123456789\r\n" * 100)
        await writer.drain()
    writer.write(b"0\r\n\r\n")
    assert len(await reader.readuntil(b"!")) > 100_000
    writer.close()


@pytest.mark.parametrize("hosts", [b"", b"Host: t\r\nHost: u\r\n"])
async def test_a_request_names_one_host(start: Start, hosts: bytes) -> None:
    """Two parties that read different ones would disagree on whom it is for."""
    status, problem = await _told(await start(), b"GET / HTTP/1.1\r\n" + hosts + b"\r\n")
    assert (status, problem["code"]) == (400, "malformed_body")


async def test_another_protocol_that_is_offered_is_passed_over(start: Start) -> None:
    """Body and next request are read as if nothing had been offered, wherever the bytes are parted."""
    port = await start()
    one = (
        b"POST /read HTTP/1.1\r\nHost: t\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
        b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\nContent-Length: 4\r\n\r\nbody"
    )
    for cut in (len(one), len(one) - 2, len(one) - 5, 30):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for piece in (one[:cut], one[cut:] + one):
            writer.write(piece)
            await asyncio.sleep(0.02)
        for _ in range(2):
            assert b"body with host,connection,http2-settings,content-length!" in await reader.readuntil(b"!")
        writer.close()


async def test_only_so_many_requests_wait_on_one_connection(start: Start) -> None:
    """A request of 27 bytes is held as some kilobytes; who sends thousands at once is left."""
    port = await start()
    one = b"GET / HTTP/1.1\r\nHost: t\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(one * (MAX_PIPELINED + 1))
    for _ in range(MAX_PIPELINED + 1):
        assert await reader.readuntil(b"hello")
    writer.write(one * 9000)
    told = b""
    with contextlib.suppress(ConnectionError):
        while piece := await reader.read(65536):
            told += piece
    assert told.count(b"hello") <= MAX_PIPELINED
    writer.close()


@pytest.mark.parametrize(
    "one", [b"GET / HTTP/1.1\r\nHost: t\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"]
)
async def test_nothing_is_read_behind_what_was_refused(start: Start, one: bytes) -> None:
    """However many requests came in one piece, one answer tells why."""
    reader, writer = await asyncio.open_connection("127.0.0.1", await start())
    writer.write(b"GET / HTTP/1.1\r\n\r\n" + one * 3000)
    told = b""
    with contextlib.suppress(ConnectionError):
        while piece := await reader.read(65536):
            told += piece
    assert told.count(b"malformed_body") <= 2  # code and type of one problem
    writer.close()


async def test_no_request_gets_the_answer_to_what_came_behind_it(start: Start) -> None:
    """What is refused while another request is answered ends the connection without a word."""
    reader, writer = await asyncio.open_connection("127.0.0.1", await start())
    writer.write(b"GET /late HTTP/1.1\r\nHost: t\r\n\r\n\x00\x01\r\n\r\n")
    assert await reader.read() == b""
    writer.close()


async def test_the_next_request_has_its_time_once_the_one_before_is_answered(start: Start) -> None:
    """An empty line behind a body, which some clients send, does not cut the answer short."""
    reader, writer = await asyncio.open_connection("127.0.0.1", await start(header_s=0.1))
    writer.write(b"GET /late HTTP/1.1\r\nHost: t\r\n\r\n\r\n")
    assert (await reader.readuntil(b"hello")).startswith(b"HTTP/1.1 200")
    writer.close()


async def test_a_body_that_ends_after_its_answer_leaves_the_connection_open(start: Start) -> None:
    """The next request on it is answered, also when the time to throw a body away is over."""
    reader, writer = await asyncio.open_connection("127.0.0.1", await start(linger_s=0.2))
    writer.write(b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\n\r\n")
    assert await reader.readuntil(b"hello")
    writer.write(b"late")
    await asyncio.sleep(0.4)
    writer.write(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n")
    assert await reader.readuntil(b"hello")
    writer.write(b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\n\r\n")
    assert (await reader.read()).endswith(b"hello")  # and closed: the body never ends
    writer.close()


async def test_the_rest_of_a_last_answer_is_not_kept_for_good(start: Start) -> None:
    """Of who stops reading, once the connection is closed on this side and nothing more is written."""

    class Deep(GuardedProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            self.transport.set_write_buffer_limits(high=100_000_000)  # so that writing is never paused

    port = await start(Deep, stalled_s=0.1)
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
    writer.write(b"GET /large HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
    await asyncio.sleep(0.5)
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await reader.readexactly(50_000_000)
    writer.close()


@pytest.mark.parametrize(("soft", "hard", "room"), [(300, 300, 44), (300, 1000, 744), (300, 9000, MAX_CONNECTIONS)])
def test_connections_leave_files_for_everything_else(soft: int, hard: int, room: int) -> None:
    """A bound on open files that is too low is raised as far as it may be."""
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < hard:
        pytest.skip(f"fewer than {hard} files may be open here")
    code = (
        "import resource as r; from service.connections import room_for_connections as room\n"
        f"r.setrlimit(r.RLIMIT_NOFILE, ({soft}, {hard})); print(room(), r.getrlimit(r.RLIMIT_NOFILE)[0])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(room), str(room + SPARE_FILES)]


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
