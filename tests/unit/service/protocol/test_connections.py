"""One connection's bounds, against a real server on loopback."""

from __future__ import annotations

import asyncio
import resource
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest

from service.protocol.connections import MAX_CONNECTIONS, MAX_HEADER_BYTES, SPARE_FILES, GuardedProtocol
from service.protocol.headers import SECURITY_HEADERS
from tests.support.guarded_server import Start, guarded_servers, told
from tests.unit.service.conftest import Ask


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Start a server with the given bounds; return its port."""
    async with guarded_servers() as begin:
        yield begin


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
    status, problem = await told(await start(), *pieces)
    assert (status, problem["code"]) == (431, "headers_too_large")


async def test_headers_that_do_not_come_are_not_waited_for(start: Start) -> None:
    """A request that was begun is told so; a connection that stays silent is closed."""
    port = await start(header_s=0.1)
    status, problem = await told(port, b"GET / HTTP/1.1\r\nHost:")
    assert (status, problem["code"]) == (408, "headers_too_slow")
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()


async def test_sending_a_byte_now_and_then_wins_no_time(start: Start) -> None:
    """The bound is on the whole of the headers, not on the pause between two bytes."""
    port = await start(header_s=0.2)
    status, problem = await told(port, b"GET / HTTP/1.1\r\n", *[b"a"] * 100)
    assert (status, problem["code"]) == (408, "headers_too_slow")


async def test_what_is_not_http_is_a_problem(start: Start) -> None:
    """As every other error."""
    status, problem = await told(await start(), b"\x16\x03\x01\x02\x00\x01\r\n\r\n")
    assert (status, problem["code"]) == (400, "malformed_body")


async def test_one_connection_too_many_is_refused(start: Start) -> None:
    """And told when to come again, where every other one has a request inside."""
    port = await start(max_connections=1)
    _, first = await asyncio.open_connection("127.0.0.1", port)
    first.write(b"POST /read HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n\r\n")
    await asyncio.sleep(0.05)
    status, problem = await told(port)
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
        "import resource as r; from service.protocol.connections import room_for_connections as room\n"
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
