"""Pictures by URL: what is refused is never connected to, and a real listener counts."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator
from typing import Any

import httpcore
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Overloaded
from service.addresses import is_public
from service.budget import ByteBudget
from service.fetching import Fetcher
from service.image_urls import Origin, read_origin, read_url, redirected
from service.problems import Refusal
from service.schemas import MAX_IMAGE_BYTES
from tests.support.fakes import PHOTO
from tests.support.url_network import Lines, Listener, Names, WithoutTls, answer, moved, quick_fetcher
from tests.support.url_tricks import PUBLIC, REFUSED


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    """A listener on loopback."""
    one = Listener()
    server = await asyncio.start_server(one.serve, "127.0.0.1", 0, limit=1 << 20)
    one.port = server.sockets[0].getsockname()[1]
    yield one
    one.closed.set()
    server.close()


@pytest.fixture
def names() -> Names:
    """The resolver of the test."""
    return Names()


@pytest.fixture
def lines(listener: Listener) -> Lines:
    """The network of the test."""
    return Lines(listener)


def _claim() -> Any:
    return ByteBudget(100_000_000).claims()


async def _fetch(fetcher: Fetcher, url: str) -> bytes:
    with _claim() as claim:
        return await fetcher.fetch(url, claim)


async def _refusal(fetcher: Fetcher, url: str) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await _fetch(fetcher, url)
    return caught.value


def test_the_table_is_long_enough() -> None:
    """Every known way around is tried."""
    assert len(REFUSED) >= 40


@pytest.mark.parametrize("trick", REFUSED)
async def test_a_trick_is_refused_and_nothing_is_connected(
    trick: str, listener: Listener, lines: Lines, names: Names
) -> None:
    """Whatever lies behind it, the refusal is the same and the listener hears nothing."""
    fetcher = quick_fetcher([Origin("http", "files.test", listener.port)], resolve=names, network=lines)
    refusal = await _refusal(fetcher, REFUSED[trick].replace("{port}", str(listener.port)))
    plain = await _refusal(fetcher, "https://home.example/")
    assert (refusal.code, refusal.detail, refusal.fields) == ("image_url_refused", plain.detail, plain.fields)
    assert lines.connected == []
    assert listener.n_connections == 0


@pytest.mark.parametrize("trick", ["loopback, the listener's port", "loopback by name, its port", "decimal", "hex"])
async def test_the_real_network_hears_nothing_either(trick: str, listener: Listener) -> None:
    """With the resolver and the sockets that are used in earnest."""
    fetcher = Fetcher()
    refusal = await _refusal(fetcher, REFUSED[trick].replace("{port}", str(listener.port)))
    fetcher.close()
    assert refusal.code == "image_url_refused"
    assert listener.n_connections == 0


async def test_an_allowed_neighbour_answers_over_the_real_network(listener: Listener) -> None:
    """By its exact origin, on a private address and without TLS."""
    fetcher = Fetcher([read_origin(f"http://127.0.0.1:{listener.port}")])
    assert await _fetch(fetcher, f"http://127.0.0.1:{listener.port}/a.jpg?size=1") == PHOTO
    assert listener.asked[0].startswith("GET /a.jpg?size=1 HTTP/1.1\r\n")
    assert f"Host: 127.0.0.1:{listener.port}\r\n" in listener.asked[0]


async def test_a_public_host_is_asked_at_the_address_that_was_checked(
    listener: Listener, lines: Lines, names: Names
) -> None:
    """TLS and Host carry the name; it is looked up once."""
    fetcher = quick_fetcher(resolve=names, network=lines)
    assert await _fetch(fetcher, "https://public.example/a.jpg") == PHOTO
    assert lines.connected == [(PUBLIC, 443)]
    assert WithoutTls.names[-1] == "public.example"
    assert "Host: public.example\r\n" in listener.asked[0]
    assert names.asked == ["public.example"]


async def test_a_name_that_rebinds_cannot_move_the_connection(lines: Lines, names: Names) -> None:
    """The address that was checked is the one that is called; asked again, the name is checked again."""
    fetcher = quick_fetcher(resolve=names, network=lines)
    assert await _fetch(fetcher, "https://rebinds.example/a.jpg") == PHOTO
    assert lines.connected == [(PUBLIC, 443)]
    assert (await _refusal(fetcher, "https://rebinds.example/a.jpg")).code == "image_url_refused"
    assert lines.connected == [(PUBLIC, 443)]


# As a Location these mean something else, or nothing.
RELATIVE = ("no host", "line break", "null", "fragment before the host ends")


@pytest.mark.parametrize("trick", [one for one in REFUSED if REFUSED[one].startswith("http") and one not in RELATIVE])
async def test_no_redirect_leads_to_what_is_refused(trick: str, listener: Listener, lines: Lines, names: Names) -> None:
    """Each hop is checked like the first."""
    target = REFUSED[trick].replace("{port}", str(listener.port))
    listener.respond = lambda path: moved(target)
    refusal = await _refusal(quick_fetcher(resolve=names, network=lines), "https://public.example/a.jpg")
    assert refusal.code == "image_url_refused"
    assert lines.connected == [(PUBLIC, 443)]


async def test_a_neighbour_cannot_send_on_to_another(listener: Listener, names: Names) -> None:
    """Being allowed holds for one origin, not for where it points."""
    listener.respond = lambda path: moved(f"http://127.0.0.1:{listener.port}/b.jpg")
    fetcher = quick_fetcher([Origin("http", "files.test", listener.port)], resolve=names)
    refusal = await _refusal(fetcher, f"http://files.test:{listener.port}/a.jpg")
    assert refusal.code == "image_url_refused"
    assert listener.n_connections == 1


@pytest.mark.parametrize(("n_redirects", "arrives"), [(0, True), (1, True), (3, True), (4, False), (9, False)])
async def test_three_redirects_are_followed(
    n_redirects: int, arrives: bool, listener: Listener, lines: Lines, names: Names
) -> None:
    """And no fourth."""

    def respond(path: str) -> bytes:
        n_done = int(path.strip("/") or 0)
        return answer(PHOTO) if n_done == n_redirects else moved(f"/{n_done + 1}")

    listener.respond = respond
    fetcher = quick_fetcher(resolve=names, network=lines)
    if arrives:
        assert await _fetch(fetcher, "https://public.example/0") == PHOTO
    else:
        assert (await _refusal(fetcher, "https://public.example/0")).code == "image_url_unreachable"
        assert listener.n_connections == 4


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
    refusal = await _refusal(fetcher, "https://public.example/a.jpg")
    assert refusal.code == "image_url_unreachable"
    assert refusal.detail == "No picture came from the URL in time; send the picture itself."


async def test_who_keeps_silent_is_left(listener: Listener, lines: Lines, names: Names) -> None:
    """The whole errand has one bound."""
    listener.respond = lambda path: None
    fetcher = quick_fetcher(resolve=names, network=lines, total_s=0.1)
    assert (await _refusal(fetcher, "https://public.example/a.jpg")).code == "image_url_unreachable"


@pytest.mark.parametrize("announced", [True, False])
async def test_a_picture_beyond_the_bound_is_too_large(
    announced: bool, listener: Listener, lines: Lines, names: Names
) -> None:
    """By what the server announces, or by what comes."""
    body = b"\xff" * (MAX_IMAGE_BYTES + 1)
    plain = answer(body)
    listener.respond = lambda path: plain if announced else plain.replace(b"Content-Length", b"X-Length")
    fetcher = quick_fetcher(resolve=names, network=lines)
    assert (await _refusal(fetcher, "https://public.example/a.jpg")).code == "image_too_large"


async def test_what_is_fetched_counts_to_the_bytes_held(listener: Listener, lines: Lines, names: Names) -> None:
    """So that URLs are no way around the bound on bodies."""
    listener.respond = lambda path: answer(b"x" * 1000)
    fetcher = quick_fetcher(resolve=names, network=lines)
    budget = ByteBudget(999)
    with budget.claims() as claim, pytest.raises(Overloaded):
        await fetcher.fetch("https://public.example/a.jpg", claim)
    assert budget.held == 0


async def test_the_second_address_is_tried_where_the_first_is_dead(names: Names, listener: Listener) -> None:
    """Both were checked."""

    class FirstDead(Lines):
        async def connect_tcp(self, host: str, port: int, *rest: Any, **named: Any) -> httpcore.AsyncNetworkStream:
            if host == "2606:4700::1":
                self.connected.append((host, port))
                raise httpcore.ConnectError
            return await super().connect_tcp(host, port, *rest, **named)

    async def resolve(host: str, port: int) -> list[str]:
        return ["2606:4700::1", PUBLIC]

    network = FirstDead(listener)
    assert await _fetch(quick_fetcher(resolve=resolve, network=network), "https://public.example/a.jpg") == PHOTO
    assert network.connected == [("2606:4700::1", 443), (PUBLIC, 443)]


@given(st.ip_addresses(v=4))
def test_no_ipv4_address_that_python_calls_private_is_public(address: ipaddress.IPv4Address) -> None:
    """A second opinion on every address."""
    if not address.is_global or address.is_multicast or address.is_reserved:
        assert not is_public(address)


@given(
    st.one_of(st.ip_addresses(v=6), st.integers(0, 2**32 - 1).map(lambda n: ipaddress.IPv6Address(0xFFFF << 32 | n)))
)
def test_no_ipv6_address_that_python_calls_private_is_public(address: ipaddress.IPv6Address) -> None:
    """Nor one that carries an IPv4 address."""
    if not address.is_global or address.is_multicast or address.ipv4_mapped or address.sixtofour or address.teredo:
        assert not is_public(address)


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_is_a_url_or_none(text: str, location: str) -> None:
    """Reading never fails, and what is read is ASCII with a host."""
    for given_text in (text, f"https://{text}", f"https://public.example/{text}"):
        url = read_url(given_text)
        if url is not None:
            assert url.origin.host
            assert url.target.isascii()
            assert url.target.startswith("/")
            redirected(url, location)


@pytest.mark.parametrize("text", ["*", "files:9000", "http://files:9000/path", "http://", "ftp://files", "http://a?"])
def test_an_operator_writes_an_origin_and_nothing_more(text: str) -> None:
    """Scheme, host and port."""
    with pytest.raises(ValueError, match="no origin"):
        read_origin(text)
