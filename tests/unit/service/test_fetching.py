"""Pictures by URL: what is refused is never connected to, and a real listener counts."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar

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

REFUSED = {
    "another scheme: http": "http://public.example/a.jpg",
    "another scheme: ftp": "ftp://public.example/a.jpg",
    "another scheme: file": "file:///etc/passwd",
    "another scheme: gopher": "gopher://127.0.0.1:{port}/_GET",
    "another scheme: data": "data:image/png;base64,AAAA",
    "another scheme: javascript": "javascript:alert(1)",
    "another scheme: unix": "http+unix://%2Frun%2Fdocker.sock/info",
    "no scheme": "//127.0.0.1:{port}/",
    "no host": "https:///a.jpg",
    "nothing": "",
    "loopback": "https://127.0.0.1/a.jpg",
    "loopback, the listener's port": "https://127.0.0.1:{port}/a.jpg",
    "loopback, plain": "http://127.0.0.1:{port}/a.jpg",
    "loopback, far end": "https://127.255.255.254/a.jpg",
    "loopback by name": "https://localhost/a.jpg",
    "loopback by name, its port": "https://localhost:{port}/a.jpg",
    "loopback by name, capitals": "https://LOCALHOST/a.jpg",
    "a name below localhost": "https://www.localhost/a.jpg",
    "trailing dot": "https://localhost./a.jpg",
    "trailing dot on an address": "https://127.0.0.1./a.jpg",
    "two trailing dots": "https://localhost../a.jpg",
    "decimal": "https://2130706433/a.jpg",
    "octal": "https://017700000001/a.jpg",
    "octal parts": "https://0177.0.0.01/a.jpg",
    "hex": "https://0x7f000001/a.jpg",
    "hex parts": "https://0x7f.0x0.0x0.0x1/a.jpg",
    "mixed parts": "https://0x7f.0.1/a.jpg",
    "short": "https://127.1/a.jpg",
    "one zero": "https://0/a.jpg",
    "overflow": "https://4294967297/a.jpg",
    "leading zeros": "https://127.000.000.001/a.jpg",
    "this network": "https://0.0.0.0/a.jpg",
    "private 10": "https://10.0.0.1/a.jpg",
    "private 172": "https://172.31.255.255/a.jpg",
    "private 192": "https://192.168.1.1/a.jpg",
    "carrier-grade NAT": "https://100.64.0.1/a.jpg",
    "link-local": "https://169.254.1.1/a.jpg",
    "metadata": "https://169.254.169.254/latest/meta-data/",
    "metadata in public space": "https://168.63.129.16/machine",
    "metadata behind NAT": "https://100.100.100.200/latest/",
    "metadata, IPv6": "https://[fd00:ec2::254]/latest/",
    "metadata by name": "https://metadata.google.internal/computeMetadata/v1/",
    "benchmarking": "https://198.18.0.1/a.jpg",
    "multicast": "https://224.0.0.1/a.jpg",
    "reserved": "https://240.0.0.1/a.jpg",
    "broadcast": "https://255.255.255.255/a.jpg",
    "loopback, IPv6": "https://[::1]/a.jpg",
    "loopback, IPv6 in full": "https://[0:0:0:0:0:0:0:1]/a.jpg",
    "unspecified, IPv6": "https://[::]/a.jpg",
    "IPv4-mapped": "https://[::ffff:127.0.0.1]/a.jpg",
    "IPv4-mapped, hex": "https://[::ffff:7f00:1]/a.jpg",
    "IPv4-mapped and public": "https://[::ffff:8.8.8.8]/a.jpg",
    "IPv4-compatible": "https://[::127.0.0.1]/a.jpg",
    "NAT64": "https://[64:ff9b::7f00:1]/a.jpg",
    "NAT64, local": "https://[64:ff9b:1::7f00:1]/a.jpg",
    "6to4": "https://[2002:7f00:1::]/a.jpg",
    "Teredo": "https://[2001:0:7f00:1::]/a.jpg",
    "unique local": "https://[fc00::1]/a.jpg",
    "link-local, IPv6": "https://[fe80::1]/a.jpg",
    "with a zone": "https://[fe80::1%25eth0]/a.jpg",
    "site-local": "https://[fec0::1]/a.jpg",
    "multicast, IPv6": "https://[ff02::1]/a.jpg",
    "documentation": "https://[2001:db8::1]/a.jpg",
    "user": "https://user@public.example/a.jpg",
    "user and password": "https://user:pass@public.example/a.jpg",
    "credentials that look like a host": "https://public.example@127.0.0.1/a.jpg",
    "credentials, encoded": "https://public.example%40127.0.0.1/a.jpg",
    "backslash": "https://public.example\\@127.0.0.1/a.jpg",
    "backslash for slash": "https:\\\\127.0.0.1\\a.jpg",
    "fragment before the host ends": "https://public.example#@127.0.0.1:{port}/",
    "space": "https://public.example /a.jpg",
    "tab": "https://loc\talhost/a.jpg",
    "line break": "https://public.example/a.jpg\r\nHost: localhost",
    "null": "https://public.example\x00.evil/a.jpg",
    "circled digits": "https://①②⑦.⓪.⓪.①/a.jpg",
    "full-width letters": "https://ｌｏｃａｌｈｏｓｔ/a.jpg",
    "full-width dots": "https://127。0。0。1/a.jpg",
    "soft hyphen": "https://local\u00adhost/a.jpg",
    "encoded host": "https://%6c%6f%63%61%6c%68%6f%73%74/a.jpg",
    "encoded address": "https://127%2e0%2e0%2e1/a.jpg",
    "another port": "https://public.example:8443/a.jpg",
    "port 80 with TLS": "https://public.example:80/a.jpg",
    "port 0": "https://public.example:0/a.jpg",
    "port too large": "https://public.example:65979/a.jpg",
    "two ports": "https://public.example:443:{port}/a.jpg",
    "port that is no number": "https://public.example:https/a.jpg",
    "a name that leads home": "https://home.example/a.jpg",
    "a name that leads to IPv6 loopback": "https://home6.example/a.jpg",
    "a name with one private address": "https://both.example/a.jpg",
    "a name that leads to a mapped address": "https://mapped.example/a.jpg",
    "a name without an address": "https://nowhere.example/a.jpg",
    "a name that rebinds at once": "https://rebinds-first.example/a.jpg",
    "an underscore name that leads home": "https://my_files.example/a.jpg",
    "sslip": "https://127.0.0.1.sslip.example/a.jpg",
    "the neighbour's host on another port": "http://files.test:81/a.jpg",
    "the neighbour's host with TLS": "https://files.test/a.jpg",
    "a name below the neighbour": "http://evil.files.test:{port}/a.jpg",
    "too long": "https://public.example/" + "a" * 2000,
}
PUBLIC = "93.184.215.14"
NAMES = {
    "public.example": [PUBLIC],
    "localhost": ["127.0.0.1"],
    "www.localhost": ["127.0.0.1"],
    "home.example": ["127.0.0.1"],
    "home6.example": ["::1"],
    "both.example": [PUBLIC, "10.0.0.1"],
    "mapped.example": ["::ffff:127.0.0.1"],
    "my_files.example": ["127.0.0.1"],
    "127.0.0.1.sslip.example": ["127.0.0.1"],
    "metadata.google.internal": ["169.254.169.254"],
    "rebinds-first.example": ["127.0.0.1"],
    "files.test": ["127.0.0.1"],
    "evil.files.test": ["127.0.0.1"],
}

Respond = Callable[[str], bytes]


@dataclass
class Listener:
    """A server on loopback that counts who comes.

    Attributes:
        port: where it listens.
        asked: the request lines and headers it got.
        respond: path to what is answered, from the status line on; None keeps silent.
    """

    port: int = 0
    n_connections: int = 0
    asked: list[str] = field(default_factory=list)
    respond: Callable[[str], bytes | None] = lambda path: _answer(PHOTO)
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection."""
        self.n_connections += 1
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.asked.append(head)
            answer = self.respond(head.split(" ")[1])
            if answer is None:
                await self.closed.wait()
            else:
                writer.write(answer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


def _answer(body: bytes, status: str = "200 OK", **headers: str) -> bytes:
    lines = {"Content-Length": str(len(body)), **headers}
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


def _moved(to: str) -> bytes:
    return _answer(b"", "302 Found", Location=to)


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    """A listener on loopback."""
    one = Listener()
    server = await asyncio.start_server(one.serve, "127.0.0.1", 0, limit=1 << 20)
    one.port = server.sockets[0].getsockname()[1]
    yield one
    one.closed.set()
    server.close()


class Lines(httpcore.AsyncNetworkBackend):
    """The network as these tests have it: every connection is noted, and ends at the listener, whatever its address."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._real = httpcore.AnyIOBackend()
        self.connected: list[tuple[str, int]] = []

    async def connect_tcp(self, host: str, port: int, *rest: Any, **named: Any) -> httpcore.AsyncNetworkStream:
        """Connect to the listener."""
        self.connected.append((host, port))
        return _WithoutTls(await self._real.connect_tcp("127.0.0.1", self._listener.port, timeout=5))


class _WithoutTls(httpcore.AsyncNetworkStream):
    """A stream on which TLS does nothing but note the name that it was begun for."""

    names: ClassVar[list[str]] = []

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return await self._stream.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        self.names.append(server_hostname or "")
        return self

    def get_extra_info(self, info: str) -> Any:
        return None if info == "ssl_object" else self._stream.get_extra_info(info)


class Names:
    """A resolver over a table; one name leads elsewhere the second time that it is asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        """Return the addresses of a name."""
        self.asked.append(host)
        if host == "rebinds.example":
            return [PUBLIC] if self.asked.count(host) == 1 else ["127.0.0.1"]
        if host not in NAMES:
            raise OSError("no such name")
        return NAMES[host]


Fetch = Callable[..., Awaitable[bytes]]


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


# Trusts nobody and is made in no time; with the network of these tests TLS does nothing.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _fetcher(allowed: Iterable[Origin] = (), **named: Any) -> Fetcher:
    return Fetcher(allowed, ssl_context=NO_TLS, **named)


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
    fetcher = _fetcher([Origin("http", "files.test", listener.port)], resolve=names, network=lines)
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
    fetcher = _fetcher(resolve=names, network=lines)
    assert await _fetch(fetcher, "https://public.example/a.jpg") == PHOTO
    assert lines.connected == [(PUBLIC, 443)]
    assert _WithoutTls.names[-1] == "public.example"
    assert "Host: public.example\r\n" in listener.asked[0]
    assert names.asked == ["public.example"]


async def test_a_name_that_rebinds_cannot_move_the_connection(lines: Lines, names: Names) -> None:
    """The address that was checked is the one that is called; asked again, the name is checked again."""
    fetcher = _fetcher(resolve=names, network=lines)
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
    listener.respond = lambda path: _moved(target)
    refusal = await _refusal(_fetcher(resolve=names, network=lines), "https://public.example/a.jpg")
    assert refusal.code == "image_url_refused"
    assert lines.connected == [(PUBLIC, 443)]


async def test_a_neighbour_cannot_send_on_to_another(listener: Listener, names: Names) -> None:
    """Being allowed holds for one origin, not for where it points."""
    listener.respond = lambda path: _moved(f"http://127.0.0.1:{listener.port}/b.jpg")
    fetcher = _fetcher([Origin("http", "files.test", listener.port)], resolve=names)
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
        return _answer(PHOTO) if n_done == n_redirects else _moved(f"/{n_done + 1}")

    listener.respond = respond
    fetcher = _fetcher(resolve=names, network=lines)
    if arrives:
        assert await _fetch(fetcher, "https://public.example/0") == PHOTO
    else:
        assert (await _refusal(fetcher, "https://public.example/0")).code == "image_url_unreachable"
        assert listener.n_connections == 4


@pytest.mark.parametrize(
    "answer",
    [
        _answer(b"gone", "404 Not Found"),
        _answer(b"", "204 No Content"),
        _answer(PHOTO, "206 Partial Content"),
        _answer(b"", "302 Found"),
        _answer(PHOTO, Content_Encoding="gzip"),
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100_000,
    ],
)
async def test_what_brings_no_picture_is_told_with_one_sentence(
    answer: bytes, listener: Listener, lines: Lines, names: Names
) -> None:
    """Neither status nor content is passed on."""
    listener.respond = lambda path: answer
    fetcher = _fetcher(resolve=names, network=lines)
    refusal = await _refusal(fetcher, "https://public.example/a.jpg")
    assert refusal.code == "image_url_unreachable"
    assert refusal.detail == "No picture came from the URL in time; send the picture itself."


async def test_who_keeps_silent_is_left(listener: Listener, lines: Lines, names: Names) -> None:
    """The whole errand has one bound."""
    listener.respond = lambda path: None
    fetcher = _fetcher(resolve=names, network=lines, total_s=0.1)
    assert (await _refusal(fetcher, "https://public.example/a.jpg")).code == "image_url_unreachable"


@pytest.mark.parametrize("announced", [True, False])
async def test_a_picture_beyond_the_bound_is_too_large(
    announced: bool, listener: Listener, lines: Lines, names: Names
) -> None:
    """By what the server announces, or by what comes."""
    body = b"\xff" * (MAX_IMAGE_BYTES + 1)
    plain = _answer(body)
    listener.respond = lambda path: plain if announced else plain.replace(b"Content-Length", b"X-Length")
    fetcher = _fetcher(resolve=names, network=lines)
    assert (await _refusal(fetcher, "https://public.example/a.jpg")).code == "image_too_large"


async def test_what_is_fetched_counts_to_the_bytes_held(listener: Listener, lines: Lines, names: Names) -> None:
    """So that URLs are no way around the bound on bodies."""
    listener.respond = lambda path: _answer(b"x" * 1000)
    fetcher = _fetcher(resolve=names, network=lines)
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
    assert await _fetch(_fetcher(resolve=resolve, network=network), "https://public.example/a.jpg") == PHOTO
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
