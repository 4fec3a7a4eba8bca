"""A web client against a real server that does its worst."""

from __future__ import annotations

import gzip
import socket
from collections.abc import Callable

import pytest

from scraper.errors import CrawlError, LoginWall, PageBroken, PageRefused, PageUnreachable, TooManyRequests
from scraper.web.client import GuardedWeb, retry_after_s, user_agent
from tests.support.raw_server import plain, raw_server
from tests.support.social_sites.server import Answer, social_site

OWN = frozenset({"127.0.0.1"})


def web(
    *, timeout_s: float = 5.0, max_bytes: int = 100_000, admit: Callable[[str], None] = lambda address: None
) -> GuardedWeb:
    return GuardedWeb(
        "tagsmith/1 (me@a.example)", allowed_hosts=OWN, timeout_s=timeout_s, max_bytes=max_bytes, admit=admit
    )


def sending(content: bytes) -> Callable[[socket.socket, str], None]:
    return lambda connection, path: connection.sendall(content)


def test_a_whole_answer_comes_back_with_its_type() -> None:
    """What most servers do."""
    with raw_server(sending(plain(b"hello", headers="Content-Type: text/plain\r\n"))) as (address, heads):
        answer = web().get(f"{address}/x?y=1", headers={"Accept": "text/plain"})
    assert (answer.status, answer.body, answer.headers["content-type"]) == (200, b"hello", "text/plain")
    assert "GET /x?y=1 HTTP/1.1" in heads[0]
    assert "user-agent: tagsmith/1 (me@a.example)" in heads[0].lower()
    assert "accept: text/plain" in heads[0].lower()


def test_a_private_address_is_refused_before_anything_is_sent() -> None:
    """A loopback address is somebody's own machine, unless the operator says so."""
    with raw_server(sending(plain())) as (address, heads):
        with pytest.raises(PageRefused, match="private network"):
            GuardedWeb("tagsmith").get(address)
        assert heads == []


def test_a_redirect_into_a_private_network_is_refused() -> None:
    """A public page must not lead us home."""
    answer = plain(b"", status="302 Found", headers="Location: http://localhost:9/admin\r\n")
    with raw_server(sending(answer)) as (address, _), pytest.raises(PageRefused, match="private network"):
        web().get(address)


@pytest.mark.parametrize("target", ["file:///etc/passwd", "gopher://a.example/", "http://", "http://anna:x@127.0.0.1/"])
def test_a_redirect_to_what_is_no_web_address_is_refused(target: str) -> None:
    """Every hop is held to what the first address is held to."""
    answer = plain(b"", status="301 Moved", headers=f"Location: {target}\r\n")
    with raw_server(sending(answer)) as (address, _), pytest.raises(PageRefused):
        web().get(address)


def test_redirects_end() -> None:
    """A circle is no page."""
    answer = plain(b"", status="307 Temporary Redirect", headers="Location: /again\r\n")
    with (
        raw_server(sending(answer)) as (address, heads),
        pytest.raises(PageRefused, match="redirects more than 5 times"),
    ):
        web().get(address)
    assert len(heads) == 6


def test_each_hop_is_admitted_and_headers_stay_with_their_host() -> None:
    """A token for one host is not told to another one, and robots.txt is asked about every hop."""
    admitted: list[str] = []
    with raw_server(sending(plain(b"there"))) as (second, second_heads):

        def handle(connection: socket.socket, path: str) -> None:
            connection.sendall(plain(b"", status="302 Found", headers=f"Location: {second}/b\r\n"))

        with raw_server(handle) as (first, _):
            answer = web(admit=admitted.append).get(f"{first}/a", headers={"Authorization": "secret"})
    assert answer.address == f"{second}/b"
    assert admitted == [f"{first}/a", f"{second}/b"]
    assert "secret" not in second_heads[0]


def test_what_admit_forbids_is_not_asked() -> None:
    """robots.txt has the first word."""

    def forbid(address: str) -> None:
        raise PageRefused("robots.txt forbids")

    with raw_server(sending(plain())) as (address, heads):
        with pytest.raises(PageRefused, match="robots"):
            web(admit=forbid).get(address)
        assert heads == []


@pytest.mark.parametrize("declared", [True, False])
def test_an_answer_that_is_too_large_is_cut_off(declared: bool) -> None:
    """With or without an honest length, no more than the bound is kept."""

    def handle(connection: socket.socket, path: str) -> None:
        length = "Content-Length: 99999999\r\n" if declared else ""
        connection.sendall(f"HTTP/1.1 200 OK\r\n{length}Connection: close\r\n\r\n".encode())
        while True:
            connection.sendall(b"x" * 65_536)

    with raw_server(handle) as (address, _), pytest.raises(PageBroken, match=r"larger than 0\.1 MB"):
        web().get(address)


def test_the_start_of_an_endless_answer_may_be_had() -> None:
    """robots.txt is read up to its bound, whatever follows."""

    def handle(connection: socket.socket, path: str) -> None:
        connection.sendall(b"HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65_536)

    with raw_server(handle) as (address, _):
        answer = web().get_start(address, 1_000)
    assert (answer.status, len(answer.body)) == (404, 1_000)


@pytest.mark.parametrize("where", ["headers", "body"])
def test_an_answer_that_drips_ends_with_the_time(where: str) -> None:
    """A byte now and then keeps every single read quick, so the whole exchange has a bound."""

    def handle(connection: socket.socket, path: str) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + (b"" if where == "headers" else b"Connection: close\r\n\r\n"))
        pause = socket.socketpair()[0]
        pause.settimeout(0.02)
        while True:
            try:
                pause.recv(1)
            except TimeoutError:
                connection.sendall(b"X")

    with raw_server(handle) as (address, _), pytest.raises(PageUnreachable, match="took longer"):
        web(timeout_s=0.3).get(address)


def test_a_server_that_says_nothing_ends_with_the_time() -> None:
    """Silence is bounded too."""

    def handle(connection: socket.socket, path: str) -> None:
        connection.recv(1)

    with raw_server(handle) as (address, _), pytest.raises(PageUnreachable, match="took longer"):
        web(timeout_s=0.2).get(address)


def test_a_small_answer_that_unpacks_to_a_large_one_is_cut_off() -> None:
    """The bound is of what is kept, not of what is sent."""
    bomb = gzip.compress(b"\0" * 30_000_000)
    packed = sending(plain(bomb, headers="Content-Encoding: gzip\r\n"))
    with raw_server(packed) as (address, _), pytest.raises(PageBroken, match="larger than"):
        web().get(address)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (plain(b"not gzip", headers="Content-Encoding: gzip\r\n"), PageBroken),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort", PageUnreachable),
        (b"nonsense\r\n\r\n", PageUnreachable),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 500_000 + b"\r\n\r\n", PageUnreachable),
        (b"", PageUnreachable),
    ],
)
def test_a_broken_answer_is_an_error_of_ours(content: bytes, error: type[CrawlError]) -> None:
    """No exception of a library reaches the crawl."""
    with raw_server(sending(content)) as (address, _), pytest.raises(error):
        web().get(address)


def test_a_closed_port_is_out_of_reach() -> None:
    """The server may be there again tomorrow."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(PageUnreachable, match="cannot be reached"):
        web().get(f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize(
    ("status", "headers", "error"),
    [
        ("401 Unauthorized", "", LoginWall),
        ("403 Forbidden", "", PageRefused),
        ("404 Not Found", "", PageRefused),
        ("410 Gone", "", PageRefused),
        ("429 Too Many", "Retry-After: 17\r\n", TooManyRequests),
        ("503 Unavailable", "Retry-After: 17\r\n", TooManyRequests),
        ("503 Unavailable", "", PageUnreachable),
        ("500 Oops", "", PageUnreachable),
        ("200 OK", "X-Robots-Tag: noindex\r\n", PageRefused),
        ("304 Not Modified", "", PageRefused),
    ],
)
def test_a_status_means_what_the_crawl_does_about_it(status: str, headers: str, error: type[CrawlError]) -> None:
    """Waiting, leaving out and stopping are told apart by the answer's status and headers."""
    answer = sending(plain(b"", status=status, headers=headers))
    with raw_server(answer) as (address, _), pytest.raises(error) as caught:
        web().get(address)
    if isinstance(caught.value, TooManyRequests):
        assert caught.value.retry_after_s == 17.0


def test_other_statuses_are_answers_to_those_who_ask_for_them() -> None:
    """An API says in a 404 what it means."""
    with raw_server(sending(plain(b"{}", status="404 Not Found"))) as (address, _):
        assert web().get(address, any_status=True).status == 404


def test_bytes_are_counted() -> None:
    """The budget needs to know."""
    client = web()
    with raw_server(sending(plain(b"12345"))) as (address, _):
        client.get(address)
        client.get(address)
    assert client.n_bytes == 10


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("Thu, 01 Jan 1970 00:16:50 GMT", 10.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("99999999999999", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, seconds: float | None) -> None:
    """RFC 9110, 10.2.3; what is neither counts as not said."""
    assert retry_after_s(value, 1_000.0) == seconds


def test_the_user_agent_says_who_asks() -> None:
    """A site owner can write to whoever runs the crawl; a line break in the contact adds no header."""
    assert user_agent("1.2", "me@a.example") == "tagsmith/1.2 (me@a.example)"
    assert user_agent("1.2", None) == "tagsmith/1.2 (no contact given)"
    assert "\n" not in user_agent("1.2", "me\r\nX-Evil: 1")


def test_one_exchange_is_one_request_with_its_body() -> None:
    """A library's own session follows redirects and keeps cookies itself; nothing of it stays in the client."""
    cookie = "a=1; Expires=Wed, 21 Oct 2099 07:28:00 GMT"
    redirect = Answer(b"", 302, {"Location": "/login", "Set-Cookie": cookie})
    admitted: list[str] = []
    client = web(admit=admitted.append)
    with social_site(lambda asked: redirect) as site:
        for _ in range(2):
            got = client.exchange("POST", f"{site.address}/q", headers={"X-Own": "1"}, body=b"a=b", max_bytes=1000)
    assert (got.status, got.headers["location"], got.cookies) == (302, "/login", (cookie,))
    assert [(asked.method, asked.path, asked.query) for asked in site.log] == [("POST", "/q", {"a": "b"})] * 2
    assert all(asked.headers["x-own"] == "1" for asked in site.log)
    assert not any("cookie" in asked.headers for asked in site.log)
    assert admitted == [f"{site.address}/q"] * 2


@pytest.mark.parametrize(
    ("status", "headers", "error"),
    [("429 Slow down", "", TooManyRequests), ("200 OK", "X-Robots-Tag: noindex\r\n", PageRefused)],
)
def test_an_exchange_is_held_to_what_a_page_is(status: str, headers: str, error: type[CrawlError]) -> None:
    """Whoever sends it, a plea to slow down is one, and what must not be kept is not."""
    with raw_server(sending(plain(status=status, headers=headers))) as (address, _), pytest.raises(error):
        web().exchange("GET", address, headers={}, body=b"", max_bytes=1000)
