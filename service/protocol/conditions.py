"""If-Match and If-None-Match: which version of a thing a request means (RFC 9110, sections 13.1.1 and 13.1.2)."""

from __future__ import annotations

import re

from starlette.requests import Request

from service.protocol.fields import invalid
from service.store.sets import ANY

_TAG = re.compile(r'\s*(W/)?"([\x21\x23-\x7e]*)"\s*(?:,|$)')


def if_match(request: Request) -> frozenset[str] | None:
    """Return the versions that If-Match names, strong ones alone, as RFC 9110 compares them; None without it.

    Raises:
        Refusal: the header cannot be read.
    """
    return _tags(request, "If-Match", weak=False)


def if_none_match(request: Request) -> frozenset[str] | None:
    """Return the versions that If-None-Match names; None without it.

    Raises:
        Refusal: the header cannot be read.
    """
    return _tags(request, "If-None-Match", weak=True)


def quoted(etag: str) -> str:
    """Return a version as the header ETag has it."""
    return f'"{etag}"'


def _tags(request: Request, header: str, *, weak: bool) -> frozenset[str] | None:
    given = request.headers.getlist(header)
    if not given:
        return None
    value = ",".join(given).strip()
    if value == "*":
        return frozenset({ANY})
    found: set[str] = set()
    place = 0
    while place < len(value):
        match = _TAG.match(value, place)
        if match is None:
            raise invalid(header, 'must be * or ETags as in "abc"')
        if weak or not match.group(1):
            found.add(match.group(2))
        place = match.end()
    # An empty string is no version of anything, and an asterisk in quotes is not the bare one.
    return frozenset(found - {"", ANY})
