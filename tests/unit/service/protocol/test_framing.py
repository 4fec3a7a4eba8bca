"""How requests stand on a connection: what is around bodies, between requests and behind them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from starlette.types import Receive, Scope, Send

from service.protocol.connections import MAX_PIPELINED
from tests.support.guarded_server import Start, guarded_servers, told


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Start a server with the given bounds; return its port."""
    async with guarded_servers() as begin:
        yield begin


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
    status, problem = await told(await start(), CHUNKED, last, *[piece] * 10)
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
    status, problem = await told(await start(), b"GET / HTTP/1.1\r\n" + hosts + b"\r\n")
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
    heard = b""
    with contextlib.suppress(ConnectionError):
        while piece := await reader.read(65536):
            heard += piece
    assert heard.count(b"hello") <= MAX_PIPELINED
    writer.close()


@pytest.mark.parametrize(
    "one", [b"GET / HTTP/1.1\r\nHost: t\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"]
)
async def test_nothing_is_read_behind_what_was_refused(start: Start, one: bytes) -> None:
    """However many requests came in one piece, one answer tells why."""
    reader, writer = await asyncio.open_connection("127.0.0.1", await start())
    writer.write(b"GET / HTTP/1.1\r\n\r\n" + one * 3000)
    heard = b""
    with contextlib.suppress(ConnectionError):
        while piece := await reader.read(65536):
            heard += piece
    assert heard.count(b"malformed_body") <= 2  # code and type of one problem
    writer.close()


async def test_no_request_gets_the_answer_to_what_came_behind_it(start: Start) -> None:
    """What is refused while another request is answered ends the connection without a word."""
    reader, writer = await asyncio.open_connection("127.0.0.1", await start())
    writer.write(b"GET /late HTTP/1.1\r\nHost: t\r\n\r\n\x00\x01\r\n\r\n")
    assert await reader.read() == b""
    writer.close()


async def test_only_chunks_are_undone(start: Start) -> None:
    """A body that is compressed besides would be taken as plain."""
    for coding in (b"gzip, chunked", b"gzip\r\nTransfer-Encoding: chunked"):
        sent = b"POST /read HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: " + coding + b"\r\n\r\n0\r\n\r\n"
        status, problem = await told(await start(), sent)
        assert (status, problem["code"]) == (400, "malformed_body")


async def test_a_slash_in_a_name_is_no_step_of_the_path(start: Start) -> None:
    """What a proxy took for one segment is not read as two."""
    paths: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        paths.append(scope["path"])
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    reader, writer = await asyncio.open_connection("127.0.0.1", await start(app=app))
    for path in (b"/v1%2flimits", b"/v1/a%20b%2F%C3%A9", b"/v1/a%20b"):
        writer.write(b"GET " + path + b" HTTP/1.1\r\nHost: t\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
    writer.close()
    assert paths == ["/v1%2Flimits", "/v1/a b%2F\xe9", "/v1/a b"]
