"""Which addresses may be fetched: http and https, hosts on the public internet, and those that an operator allows."""

from __future__ import annotations

import socket
from collections.abc import Callable
from urllib.parse import urlsplit

from core.errors import InvalidOption
from core.public_addresses import all_public
from scraper.errors import PageRefused, PageUnreachable

MAX_ADDRESS = 4096
"""Characters of an address; longer ones are not worth a request."""

Resolver = Callable[[str, int], list[str]]


def resolve(host: str, port: int) -> list[str]:
    """Return the IP addresses of a host, as the system resolves it.

    Raises:
        PageUnreachable: the name is not known.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise PageUnreachable(f"the host {host} is not known") from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def host_of(address: str) -> str:
    """Return the host of an http or https address, in lower case, with its port where that is not the scheme's own.

    Raises:
        PageRefused: it is not such an address.
    """
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise PageRefused("an address that cannot be read is left out") from error
    if parts.scheme not in ("http", "https") or not host or len(address) > MAX_ADDRESS:
        raise PageRefused(f"only http and https addresses are fetched, not {parts.scheme or 'one without a scheme'}")
    if parts.username is not None or parts.password is not None:
        raise PageRefused(f"an address of {host} with a name and password in it is not fetched")
    usual = {"http": 80, "https": 443}[parts.scheme]
    shown = f"[{host}]" if ":" in host else host
    return shown if port in (None, usual) else f"{shown}:{port}"


def server_address(given: str) -> str:
    """Return the address of a server that an operator names: scheme and host, without a slash at the end.

    Raises:
        InvalidOption: it is not an http or https address, or there is more in it than scheme, host and port.
    """
    base = given.rstrip("/")
    try:
        parts = urlsplit(base)
        whole = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        bare = base == f"{parts.scheme}://{parts.netloc}" and "@" not in parts.netloc
    except ValueError:
        whole = bare = False
    if not (whole and bare):
        raise InvalidOption(f"{given!r} is not the address of a server; write https://host", field="instance")
    return base


def public_address(host: str, port: int, allowed: frozenset[str], resolver: Resolver = resolve) -> str:
    """Return the IP address to connect to: connecting to it, not to the name, keeps what was checked.

    Args:
        host: name or IP address, in lower case.
        port: where it is to be reached.
        allowed: hosts that may have private addresses.
        resolver: gives a host's addresses.

    Raises:
        PageRefused: one of the host's addresses is not on the public internet and the host is not allowed.
        PageUnreachable: the host has no address.
    """
    found = resolver(host, port)
    if not found:
        raise PageUnreachable(f"the host {host} has no address")
    if host not in allowed and not all_public(found):
        raise PageRefused(
            f"{host} lies in a private network and is not fetched; name it with --allow-host when it is your own"
        )
    return found[0]
