"""The URLs that pictures may have: one strict grammar, so that no two parsers can read a URL differently."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urldefrag, urljoin

MAX_URL_CHARACTERS = 2000
DEFAULT_PORTS = {"https": 443, "http": 80}

_HOST = r"\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9_.-]{1,253}"
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_SIGNS = r"[A-Za-z0-9._~:@!$&'()*+,;=%/-]"
_URL = re.compile(rf"(https?)://({_HOST})(?::([0-9]{{1,5}}))?(/{_SIGNS}*)?(\?(?:{_SIGNS}|\?)*)?", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host in lower case without brackets, and port."""

    scheme: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class ImageUrl:
    """The URL of a picture.

    Attributes:
        origin: whom to ask.
        target: path and query as they go out.
        address: the host when it is an IP address; None when it is a name.
    """

    origin: Origin
    target: str
    address: str | None


def read_url(text: str) -> ImageUrl | None:
    """Return what ``text`` says, or None when it is not a plain http or https URL.

    Refused are credentials, fragments, backslashes, spaces, anything but ASCII, trailing dots, and every spelling of an
    IP address but the canonical one (``127.1``, ``0x7f000001``, ``017700000001``).
    """
    if len(text) > MAX_URL_CHARACTERS or not text.isascii() or not text.isprintable():
        return None
    match = _URL.fullmatch(text)
    if match is None:
        return None
    scheme, host, port, path, query = match.groups()
    scheme, host = scheme.lower(), host.lower()
    number = int(port) if port else DEFAULT_PORTS[scheme]
    if not 0 < number < 65536:
        return None
    address = None
    if host.startswith("["):
        host = address = _canonical(host[1:-1], ipaddress.IPv6Address)
    elif _NUMBER.fullmatch(host.rpartition(".")[2]):
        # What ends in a number is an address to some resolvers and a name to others.
        host = address = _canonical(host, ipaddress.IPv4Address)
    elif not all(map(_LABEL.fullmatch, host.split("."))):
        return None
    if not host:
        return None
    return ImageUrl(Origin(scheme, host, number), (path or "/") + (query or ""), address)


def read_origin(text: str) -> Origin:
    """Return the origin that an operator wrote, as in ``http://files:9000``.

    Raises:
        ValueError: it is not an origin, or has a path.
    """
    url = read_url(text)
    if url is None or url.target != "/" or text.endswith("?"):
        raise ValueError(f"{text!r} is not an origin; write scheme, host and port alone, as in http://files:9000")
    return url.origin


def redirected(url: ImageUrl, location: str) -> ImageUrl | None:
    """Return the URL that an answer of ``url`` redirects to, or None when it is not one that ``read_url`` takes."""
    if len(location) > MAX_URL_CHARACTERS or not location.isascii() or not location.isprintable():
        return None
    host = f"[{url.origin.host}]" if ":" in url.origin.host else url.origin.host
    try:
        target, _ = urldefrag(urljoin(f"{url.origin.scheme}://{host}:{url.origin.port}{url.target}", location))
        return read_url(target)
    except ValueError:
        return None


def _canonical(host: str, kind: type[ipaddress.IPv4Address] | type[ipaddress.IPv6Address]) -> str:
    """Return an IP address in its canonical spelling, or "" when it is not an address."""
    try:
        return str(kind(host))
    except ValueError:
        return ""
