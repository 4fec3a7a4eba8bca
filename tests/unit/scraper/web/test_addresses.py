"""Which addresses may be fetched."""

from __future__ import annotations

import pytest

from core.errors import InvalidOption
from core.public_addresses import all_public
from scraper.errors import PageRefused, PageUnreachable
from scraper.web.addresses import host_of, public_address, server_address


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("https://A.Example/x", "a.example"),
        ("http://a.example:80/", "a.example"),
        ("https://a.example:8443/", "a.example:8443"),
        ("http://[2001:db8::1]:81/", "[2001:db8::1]:81"),
    ],
)
def test_a_host_is_its_name_and_unusual_port(address: str, host: str) -> None:
    """The rate is kept by it."""
    assert host_of(address) == host


@pytest.mark.parametrize(
    "address",
    [
        "file:///etc/passwd",
        "ftp://a.example/",
        "javascript:alert(1)",
        "data:text/html,x",
        "//a.example/x",
        "https://",
        "http://[::1",
        "http://a.example:99999/",
        "https://anna:secret@a.example/",
        "https://a.example/" + "x" * 5_000,
        "",
    ],
)
def test_what_is_no_plain_web_address_is_refused(address: str) -> None:
    """Files, scripts and addresses with passwords are nothing to crawl; no message holds the secret."""
    with pytest.raises(PageRefused) as caught:
        host_of(address)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        *(
            "127.0.0.1",
            "10.1.2.3",
            "192.168.0.1",
            "172.16.9.9",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
        ),
        *("::1", "fe80::1%eth0", "fd00::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "ff02::1"),
        *("168.63.129.16", "192.88.99.1", "fec0::1", "::ffff:93.184.216.34", "2002:5db8:d822::"),
        *("2001:4860:4860::5efe:7f00:1", "2001:4860:4860::200:5efe:a9fe:a9fe", "2620:4f:8000::1", "5f00::1"),
        "224.0.0.1",
        "nonsense",
    ],
)
def test_private_loopback_and_wrapped_addresses_are_not_public(address: str) -> None:
    """A post must not make us ask the operator's own network, by whichever notation."""
    assert not all_public([address])
    with pytest.raises(PageRefused):
        public_address("a.example", 80, frozenset(), lambda host, port: [address])


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1"])
def test_addresses_of_the_internet_are_public(address: str) -> None:
    """Everything else may be asked."""
    assert all_public([address])


def test_one_private_address_among_many_refuses_the_host() -> None:
    """A name that answers both ways is one that wants in."""
    with pytest.raises(PageRefused, match="--allow-host"):
        public_address("a.example", 80, frozenset(), lambda host, port: ["93.184.216.34", "127.0.0.1"])


def test_what_was_checked_is_what_is_connected_to() -> None:
    """The address is returned, so that nobody resolves the name a second time."""
    assert public_address("a.example", 80, frozenset(), lambda host, port: ["93.184.216.34"]) == "93.184.216.34"


def test_an_operator_may_allow_a_host_of_their_own_by_name() -> None:
    """Tests and one's own instance lie in private networks."""
    allowed = frozenset({"photos.home"})
    assert public_address("photos.home", 80, allowed, lambda host, port: ["192.168.0.9"]) == "192.168.0.9"
    with pytest.raises(PageRefused):
        public_address("other.home", 80, allowed, lambda host, port: ["192.168.0.9"])


def test_a_host_without_an_address_is_out_of_reach() -> None:
    """It may have one tomorrow."""
    with pytest.raises(PageUnreachable):
        public_address("a.example", 80, frozenset(), lambda host, port: [])


@pytest.mark.parametrize(
    "given", ["https://a.example", "https://a.example/", "http://127.0.0.1:8080", "http://[::1]:80"]
)
def test_a_server_is_named_by_scheme_and_host(given: str) -> None:
    """A slash at the end is no path."""
    assert server_address(given) == given.rstrip("/")


@pytest.mark.parametrize(
    "given",
    [
        *("", "a.example", "//a.example", "ftp://a.example", "https://", "http://[::1", "https://a.example:port"),
        *("https://a.example/path", "https://a.example?q=1", "https://a.example#top", "https://me:word@a.example"),
    ],
)
def test_what_is_not_the_address_of_a_server_is_a_wrong_option(given: str) -> None:
    """It is said at once and with the form that is wanted, not by the first page that cannot be had."""
    with pytest.raises(InvalidOption, match="write https://host"):
        server_address(given)
