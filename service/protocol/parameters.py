"""What a request says outside of its body: the query string, If-Match and If-None-Match.

If-Match and If-None-Match say which version of a resource a request means (RFC 9110, sections 13.1.1 and 13.1.2).
"""

from __future__ import annotations

import re

from fastapi.exceptions import RequestValidationError
from starlette.requests import Request

from service.problems import Refusal, fields_refusal, invalid, printable_name
from service.store.sets import ANY

_TAG = re.compile(r'\s*(W/)?"([\x21\x23-\x7e]*)"\s*(?:,|$)')


async def no_name_twice(request: Request) -> None:
    """Check that the query string gives no name twice.

    Raises:
        Refusal: it gives one twice.
    """
    seen: set[str] = set()
    for name, _ in request.query_params.multi_items():
        if name in seen:
            raise invalid(printable_name(name), "is given twice")
        seen.add(name)


async def no_query_string(request: Request) -> None:
    """Check that there is no query string, for calls that take everything from the body.

    Raises:
        Refusal: there is one, which would be ignored.
    """
    for name in request.query_params:
        raise invalid(printable_name(name), "is not read from the query string; everything goes into the body")


def parameters_refusal(error: RequestValidationError) -> Refusal:
    """Return the refusal that names what is not valid in the path or the query string."""
    return fields_refusal([{**entry, "loc": tuple(entry["loc"][1:])} for entry in error.errors()])


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
    position = 0
    while position < len(value):
        match = _TAG.match(value, position)
        if match is None:
            raise invalid(header, 'must be * or ETags as in "abc"')
        if weak or not match.group(1):
            found.add(match.group(2))
        position = match.end()
    # An empty string is no version of anything, and an asterisk in quotes is not the bare one.
    return frozenset(found - {"", ANY})
