"""What follows the question mark: each name once, and what is wrong with it told as for bodies."""

from __future__ import annotations

from fastapi.exceptions import RequestValidationError
from starlette.requests import Request

from service.protocol.fields import fields_refusal, invalid, shown_name
from service.protocol.problems import Refusal


async def once_each(request: Request) -> None:
    """Let a query string through in which no name is given twice.

    Raises:
        Refusal: one is.
    """
    names = [name for name, _ in request.query_params.multi_items()]
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise invalid(shown_name(name), "is given twice")
        seen.add(name)


async def nothing_asked(request: Request) -> None:
    """Let a request through that says everything in its body.

    Raises:
        Refusal: there is a query string, which would be passed over.
    """
    for name in request.query_params:
        raise invalid(shown_name(name), "is not read from the query string; everything goes into the body")


def refusal_of(error: RequestValidationError) -> Refusal:
    """Return what tells a caller which parts of path and query string are not valid."""
    return fields_refusal([{**entry, "loc": tuple(entry["loc"][1:])} for entry in error.errors()])
