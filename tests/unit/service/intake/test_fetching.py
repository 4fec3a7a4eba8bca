"""Pictures by URL: what is refused is never connected to, and a real listener counts."""

from __future__ import annotations

import asyncio
import ipaddress
from typing import Any

import httpcore
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.public_addresses import is_public
from service.image_urls import Origin, read_origin, read_url, redirected
from service.intake.fetching import Fetcher
from tests.support.fakes import PHOTO
from tests.support.url_network import (
    Lines,
    Listener,
    Names,
    WithoutTls,
    answer,
    fetched,
    moved,
    quick_fetcher,
    refusal,
)
from tests.support.url_tricks import PUBLIC, REFUSED


def test_the_table_is_long_enough() -> None:
    """Every known way around is tried."""
    assert len(REFUSED) >= 180


@pytest.mark.parametrize("trick", REFUSED)
async def test_a_trick_is_refused_and_nothing_is_connected(
    trick: str, listener: Listener, lines: Lines, names: Names
) -> None:
    """Whatever lies behind it, the refusal is the same and the listener hears nothing."""
    fetcher = quick_fetcher([Origin("http", "files.test", listener.port)], resolve=names, network=lines)
    refused = await refusal(fetcher, REFUSED[trick].replace("{port}", str(listener.port)))
    plain = await refusal(fetcher, "https://home.example/")
    assert (refused.code, refused.detail, refused.fields) == ("image_url_refused", plain.detail, plain.fields)
    assert lines.connected == []
    assert listener.n_connections == 0


@pytest.mark.parametrize("trick", ["loopback, the listener's port", "loopback by name, its port", "decimal", "hex"])
async def test_the_real_network_hears_nothing_either(trick: str, listener: Listener) -> None:
    """With the resolver and the sockets that are used in earnest."""
    fetcher = Fetcher()
    refused = await refusal(fetcher, REFUSED[trick].replace("{port}", str(listener.port)))
    fetcher.close()
    assert refused.code == "image_url_refused"
    assert listener.n_connections == 0


async def test_an_allowed_neighbour_answers_over_the_real_network(listener: Listener) -> None:
    """By its exact origin, on a private address and without TLS."""
    fetcher = Fetcher([read_origin(f"http://127.0.0.1:{listener.port}")])
    assert await fetched(fetcher, f"http://127.0.0.1:{listener.port}/a.jpg?size=1") == PHOTO
    assert listener.asked[0].startswith("GET /a.jpg?size=1 HTTP/1.1\r\n")
    assert f"Host: 127.0.0.1:{listener.port}\r\n" in listener.asked[0]


@pytest.mark.parametrize(
    "host", ["127.1", "0x7f000001", "2130706433", "017700000001", "127.0.0.1.", "[::ffff:127.0.0.1]", "a@127.0.0.1"]
)
async def test_the_neighbour_has_one_spelling(host: str, listener: Listener) -> None:
    """The operator allowed an origin, not whatever a resolver makes of the same numbers."""
    fetcher = Fetcher([read_origin(f"http://127.0.0.1:{listener.port}")])
    assert (await refusal(fetcher, f"http://{host}:{listener.port}/a.jpg")).code == "image_url_refused"
    assert listener.n_connections == 0


async def test_no_proxy_of_the_environment_is_asked(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would connect in our place, to addresses that nobody here has checked."""
    proxy = Listener()
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, address)
        monkeypatch.setenv(name.upper(), address)
    monkeypatch.delenv("no_proxy", raising=False)
    fetcher = Fetcher([read_origin(f"http://127.0.0.1:{listener.port}")])
    assert await fetched(fetcher, f"http://127.0.0.1:{listener.port}/a.jpg") == PHOTO
    assert (listener.n_connections, proxy.n_connections) == (1, 0)
    server.close()


async def test_a_public_host_is_asked_at_the_address_that_was_checked(
    listener: Listener, lines: Lines, names: Names
) -> None:
    """TLS and Host carry the name; it is looked up once."""
    fetcher = quick_fetcher(resolve=names, network=lines)
    assert await fetched(fetcher, "https://public.example/a.jpg") == PHOTO
    assert lines.connected == [(PUBLIC, 443)]
    assert WithoutTls.names[-1] == "public.example"
    assert "Host: public.example\r\n" in listener.asked[0]
    assert names.asked == ["public.example"]


async def test_a_name_that_rebinds_cannot_move_the_connection(lines: Lines, names: Names) -> None:
    """The address that was checked is the one that is called; asked again, the name is checked again."""
    fetcher = quick_fetcher(resolve=names, network=lines)
    assert await fetched(fetcher, "https://rebinds.example/a.jpg") == PHOTO
    assert lines.connected == [(PUBLIC, 443)]
    assert (await refusal(fetcher, "https://rebinds.example/a.jpg")).code == "image_url_refused"
    assert lines.connected == [(PUBLIC, 443)]


# As a Location these mean something else, or nothing.
RELATIVE = (
    "nothing",
    "no host",
    "three slashes",
    "one slash",
    "no slash",
    "line break",
    "null",
    "fragment before the host ends",
    "scheme with a space",
)


@pytest.mark.parametrize("trick", [one for one in REFUSED if one not in RELATIVE])
async def test_no_redirect_leads_to_what_is_refused(trick: str, listener: Listener, lines: Lines, names: Names) -> None:
    """Each hop is checked like the first."""
    target = REFUSED[trick].replace("{port}", str(listener.port))
    listener.respond = lambda path: moved(target)
    refused = await refusal(quick_fetcher(resolve=names, network=lines), "https://public.example/a.jpg")
    assert refused.code == "image_url_refused"
    assert lines.connected == [(PUBLIC, 443)]


async def test_a_neighbour_cannot_send_on_to_another(listener: Listener, names: Names) -> None:
    """Being allowed holds for one origin, not for where it points."""
    listener.respond = lambda path: moved(f"http://127.0.0.1:{listener.port}/b.jpg")
    fetcher = quick_fetcher([Origin("http", "files.test", listener.port)], resolve=names)
    refused = await refusal(fetcher, f"http://files.test:{listener.port}/a.jpg")
    assert refused.code == "image_url_refused"
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
        assert await fetched(fetcher, "https://public.example/0") == PHOTO
    else:
        assert (await refusal(fetcher, "https://public.example/0")).code == "image_url_unreachable"
        assert listener.n_connections == 4


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
    assert await fetched(quick_fetcher(resolve=resolve, network=network), "https://public.example/a.jpg") == PHOTO
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
    with pytest.raises(ValueError, match="is not an origin"):
        read_origin(text)
