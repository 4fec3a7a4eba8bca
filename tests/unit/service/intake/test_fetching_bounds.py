"""Pictures by URL: what comes is bounded in size and time, whoever sends it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time

import pytest

from core.errors import Overloaded
from service.image_urls import read_origin
from service.intake.bodies import ByteBudget
from service.intake.fetching import MAX_AT_ONCE, TOTAL_S
from service.problems import Refusal
from service.schemas.requests import MAX_IMAGE_BYTES
from tests.support.fakes import PHOTO
from tests.support.raw_server import raw_server
from tests.support.url_network import Lines, Listener, Names, answer, fetched, quick_fetcher, refusal
from tests.support.url_tricks import PUBLIC


@pytest.mark.parametrize(
    "told",
    [
        answer(b"gone", "404 Not Found"),
        answer(b"", "204 No Content"),
        answer(PHOTO, "206 Partial Content"),
        answer(b"", "302 Found"),
        answer(PHOTO, Content_Encoding="gzip"),
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100_000,
    ],
)
async def test_what_brings_no_picture_is_told_with_one_sentence(
    told: bytes, listener: Listener, lines: Lines, names: Names
) -> None:
    """Neither status nor content is passed on."""
    listener.respond = lambda path: told
    fetcher = quick_fetcher(resolve=names, network=lines)
    refused = await refusal(fetcher, "https://public.example/a.jpg")
    assert refused.code == "image_url_unreachable"
    assert refused.detail == "No picture came from the URL in time; send the picture itself."


async def test_who_keeps_silent_is_left(listener: Listener, lines: Lines, names: Names) -> None:
    """The whole errand has one bound."""
    listener.respond = lambda path: None
    fetcher = quick_fetcher(resolve=names, network=lines, total_s=0.1)
    assert (await refusal(fetcher, "https://public.example/a.jpg")).code == "image_url_unreachable"


class Endless(Listener):
    """A server that never comes to an end."""

    def __init__(self, first: bytes, again: bytes, pause_s: float) -> None:
        super().__init__()
        self._first, self._again, self._pause_s = first, again, pause_s

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Send the same for ever."""
        self.n_connections += 1
        writer.write(self._first)
        with contextlib.suppress(ConnectionError):
            while not self.closed.is_set():
                writer.write(self._again)
                await writer.drain()
                await asyncio.sleep(self._pause_s)
        writer.close()


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("first", "again", "pause_s", "code"),
    [
        (OK + b"\r\n", bytes(1_000_000), 0.0, "image_too_large"),
        (CHUNKED, b"%x\r\n%s\r\n" % (1_000_000, bytes(1_000_000)), 0.0, "image_too_large"),
        (CHUNKED, b"1\r\nx\r\n", 0.01, "image_url_unreachable"),
        (OK + b"Content-Length: 9000000\r\n\r\n", b"x", 0.01, "image_url_unreachable"),
        (OK, b"X: y\r\n", 0.01, "image_url_unreachable"),
        (OK + b"X: ", bytes(10_000), 0.0, "image_url_unreachable"),
        (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n", 0.0, "image_url_unreachable"),
        (CHUNKED, b"1;" + b"x" * 20_000, 0.0, "image_url_unreachable"),
        (OK + b"Content-Encoding: gzip\r\n\r\n", bytes(1_000_000), 0.0, "image_url_unreachable"),
        (OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n", bytes(1_000_000), 0.0, "image_url_unreachable"),
    ],
)
async def test_who_never_ends_is_left(first: bytes, again: bytes, pause_s: float, code: str, names: Names) -> None:
    """By size or by time, whichever is first; nothing compressed is taken at all."""
    server = Endless(first, again, pause_s)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    fetcher = quick_fetcher(resolve=names, network=Lines(server), total_s=1.0)
    budget = ByteBudget(MAX_IMAGE_BYTES + 1_000_000)
    with budget.claims() as claim, pytest.raises(Refusal) as caught:
        await fetcher.fetch("https://public.example/a.jpg", claim)
    assert caught.value.code == code
    assert budget.held == 0
    server.closed.set()
    listening.close()


async def test_names_that_nobody_answers_for_keep_no_other_waiting(listener: Listener) -> None:
    """A lookup goes on in its thread when its request has given up; there are enough threads for all of them."""
    silence = threading.Event()

    def look_up(host: str, port: int) -> list[str]:
        if host == "silent.example":
            silence.wait(30)
        return [PUBLIC]

    fetcher = quick_fetcher(look_up=look_up, network=Lines(listener), total_s=0.2)
    await asyncio.gather(*(refusal(fetcher, "https://silent.example/a.jpg") for _ in range(MAX_AT_ONCE)))
    assert await fetched(fetcher, "https://public.example/a.jpg") == PHOTO
    silence.set()
    fetcher.close()


@pytest.mark.parametrize("announced", [True, False])
async def test_a_picture_beyond_the_bound_is_too_large(
    announced: bool, listener: Listener, lines: Lines, names: Names
) -> None:
    """By what the server announces, or by what comes."""
    body = b"\xff" * (MAX_IMAGE_BYTES + 1)
    plain = answer(body)
    listener.respond = lambda path: plain if announced else plain.replace(b"Content-Length", b"X-Length")
    fetcher = quick_fetcher(resolve=names, network=lines)
    assert (await refusal(fetcher, "https://public.example/a.jpg")).code == "image_too_large"


async def test_what_is_fetched_counts_to_the_bytes_held(listener: Listener, lines: Lines, names: Names) -> None:
    """So that URLs are no way around the bound on bodies."""
    listener.respond = lambda path: answer(b"x" * 1000)
    fetcher = quick_fetcher(resolve=names, network=lines)
    budget = ByteBudget(999)
    with budget.claims() as claim, pytest.raises(Overloaded):
        await fetcher.fetch("https://public.example/a.jpg", claim)
    assert budget.held == 0


@pytest.mark.parametrize(
    ("first", "again"),
    [
        (CHUNKED, b"1\r\nz\r\n" * 10_000),
        (b"", b"HTTP/1.1 103 \r\n\r\n" * 4_000),
        (CHUNKED, b"1\r\nz\r\n" * 10 + b"4000\r\n" + bytes(0x4000) + b"\r\n"),
    ],
    ids=["tiny chunks", "interim answers", "tiny chunks among large ones"],
)
async def test_what_is_costly_to_parse_is_not_felt_by_others(first: bytes, again: bytes) -> None:
    """Four servers that send as fast as they can: the loop goes on, and each costs a fraction of a second at most."""

    def respond(connection: socket.socket, path: str) -> None:
        connection.sendall(first)
        while True:
            connection.sendall(again)

    gaps: list[float] = []

    async def tick() -> None:
        before = time.thread_time()
        while True:
            await asyncio.sleep(0)
            before, last = time.thread_time(), before
            gaps.append(before - last)

    with raw_server(respond) as (url, _):
        fetcher = quick_fetcher([read_origin(url)])
        ticking = asyncio.create_task(tick())
        began, busy = time.monotonic(), time.thread_time()
        refusals = await asyncio.gather(*(refusal(fetcher, f"{url}/{n}") for n in range(4)))
        took, busy = time.monotonic() - began, time.thread_time() - busy
        ticking.cancel()
    assert {refused.code for refused in refusals} <= {"image_url_unreachable", "image_too_large"}
    assert took < TOTAL_S + 1.0
    assert max(gaps) < 0.1, max(gaps)
    assert busy < 2.0, busy
