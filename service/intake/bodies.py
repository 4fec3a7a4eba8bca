"""Request bodies: bounded while they stream in, bounded all together, and JSON of any kind read strictly.

Strict JSON is UTF-8 with finite numbers, no name twice in one object, and no more values or levels than a request
needs.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn, TypeVar

from anyio import to_thread
from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from core.errors import DeadlineExceeded, Overloaded
from service.problems import Refusal, invalid, printable_name, refuse_fields
from service.schemas.requests import MAX_BATCH_BYTES
from service.shares import Holdings, share_of

JSON = "application/json"
MAX_SMALL_BYTES = 100_000
"""Of a body with a few fields: feedback and saved sets."""
BIG_JSON_BYTES = 200_000
# Commas and brackets: a body of 20 MB made of "{}," would become objects of half a GB. Base64 holds none of them, a
# caption of commas alone 5,000.
MAX_JSON_MARKS = 20_000
MAX_JSON_LEVELS = 20
PACE_S = 5.0
LEAST_BYTES = 81_920
"""Of a body, every ``PACE_S`` that it takes: 16 kB a second, a slow telephone line's twice over."""

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)
MakeObject = Callable[[list[tuple[str, Any]]], object]
"""Makes an object of its (name, value) pairs."""


class ByteBudget:
    """How many bytes of bodies may be held at once, over all requests. Not locked: it lives on the event loop.

    One caller may hold a share of them, and large bodies leave some to small ones, so that nobody's photographs keep
    others from sending a caption.

    Args:
        max_bytes: held at once, at most.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._holdings = Holdings()
        # The largest single body has room wherever there is any.
        self._max_of_caller = max(share_of(max_bytes), min(max_bytes, MAX_BATCH_BYTES))
        self._max_of_large = max(max_bytes - max_bytes // 8, min(max_bytes, MAX_BATCH_BYTES))

    @property
    def held(self) -> int:
        """How many bytes are held now."""
        return self._holdings.total

    @contextmanager
    def claims(self, caller: str = "") -> Iterator[Claim]:
        """Yield a claim for one request of ``caller``; all that is drawn with it goes back at the end of the block."""
        claim = Claim(self, caller)
        try:
            yield claim
        finally:
            self._holdings.add(caller, -claim.n_bytes)
            claim.n_bytes = 0

    def draw(self, claim: Claim, n_bytes: int) -> None:
        """Take ``n_bytes`` for ``claim``.

        Raises:
            Overloaded: fewer are left to this caller, or to a claim of this size.
        """
        is_small = claim.n_bytes + n_bytes <= MAX_SMALL_BYTES
        if self.held + n_bytes > (self._max_bytes if is_small else self._max_of_large):
            raise Overloaded("Too many large bodies are being read at once.", retry_after_s=1.0)
        if self._holdings.of(claim.caller) + n_bytes > self._max_of_caller:
            raise Overloaded("Too many of your large bodies are being read at once.", retry_after_s=1.0)
        self._holdings.add(claim.caller, n_bytes)
        claim.n_bytes += n_bytes


class Claim:
    """What one request has drawn from a budget.

    Args:
        budget: drawn from.
        caller: whose share is drawn from.

    Attributes:
        caller: the same.
        n_bytes: drawn so far.
    """

    def __init__(self, budget: ByteBudget, caller: str) -> None:
        self._budget = budget
        self.caller = caller
        self.n_bytes = 0

    async def draw_for(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield ``chunks``, drawing for each before it is passed on.

        Raises:
            Overloaded: the budget is used up.
        """
        async for chunk in chunks:
            self._budget.draw(self, len(chunk))
            yield chunk


class Pace:
    """Says by when the next bytes of a body are due, so that it is no slower than ``LEAST_BYTES`` in ``PACE_S``.

    Each ``LEAST_BYTES`` that have come give it another ``PACE_S``. An average over the whole body would not do: what
    came fast could then stand still for minutes.

    Args:
        now: when the body begins.

    Attributes:
        due: when ``LEAST_BYTES`` must have come, or the body be complete.
    """

    def __init__(self, now: float) -> None:
        self._n_bytes = 0
        self.due = now + PACE_S

    def came(self, n_bytes: int, now: float) -> None:
        """Note that ``n_bytes`` came."""
        self._n_bytes += n_bytes
        if self._n_bytes >= LEAST_BYTES:
            self._n_bytes = 0
            self.due = now + PACE_S


def content_kind(request: Request) -> str:
    """Return the body's media type without parameters.

    Raises:
        Refusal: the body is compressed.
    """
    if request.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise Refusal("unsupported_content_type", "The body must not be compressed.")
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_body(request: Request, claim: Claim, max_bytes: int) -> bytearray:
    """Return the whole body.

    Raises:
        Refusal: ``body_too_large``, as soon as that is known.
        Overloaded: too many bytes of bodies are held already.
    """
    body = bytearray()
    async for chunk in body_chunks(request, claim, max_bytes):
        body += chunk
    return body


async def body_chunks(request: Request, claim: Claim, max_bytes: int) -> AsyncIterator[bytes]:
    """Yield the body as it comes in.

    Raises:
        Refusal: ``body_too_large``, by the announced length or as soon as more has come in.
        DeadlineExceeded: it comes too slowly.
        Overloaded: too many bytes of bodies are held already.
    """
    announced = request.headers.get("content-length", "")
    n_bytes = int(announced[:20]) if announced.isdecimal() else 0
    if n_bytes > max_bytes:
        raise _too_large(max_bytes)
    n_bytes = 0
    async for chunk in claim.draw_for(_at_least_pace(request.stream())):
        n_bytes += len(chunk)
        if n_bytes > max_bytes:
            raise _too_large(max_bytes)
        yield chunk


async def read_json(request: Request, claim: Claim, parse: Callable[[bytearray], T], *, max_bytes: int) -> T:
    """Return what ``parse`` makes of the body.

    Args:
        request: whose body it is.
        claim: what the body's bytes are drawn from.
        parse: called in a thread when the body is large.
        max_bytes: of the body.

    Raises:
        Refusal: the body is not JSON or too large, or ``parse`` refuses it.
        Overloaded: too many bytes of bodies are held already.
    """
    if content_kind(request) != JSON:
        raise Refusal("unsupported_content_type", "Send application/json.")
    body = await read_body(request, claim, max_bytes)
    # A large picture in base64 takes long enough to be felt by every other request.
    return await to_thread.run_sync(parse, body) if len(body) > BIG_JSON_BYTES else parse(body)


async def read_model(request: Request, budget: ByteBudget, model: type[M], *, caller: str) -> M:
    """Return a body of a few fields, drawn from the share of ``caller``, as ``model``.

    Raises:
        Refusal: anything between the content type and a field's form is wrong.
        Overloaded: too many bytes of bodies are held already.
    """
    with budget.claims(caller) as claim:
        fields = await read_json(request, claim, parse_object, max_bytes=MAX_SMALL_BYTES)
    return validated(model, fields)


def parse_object(body: bytes | bytearray, part: str = "body") -> dict[str, Any]:
    """Return a JSON object.

    Args:
        body: its bytes.
        part: of the request, as its refusals name it; the fields of the body itself are named without it.

    Raises:
        Refusal: ``malformed_body`` for broken JSON, ``body_too_large`` for too many values, ``invalid_request`` for a
            name that is given twice or a value that is not an object.
    """
    field = "" if part == "body" else part

    def make_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        name = repeated_name(pairs)
        if name is not None:
            raise invalid(printable_name(f"{field}.{name}" if field else name), "is given twice")
        return dict(pairs)

    value = parse_json(body, part, max_marks=MAX_JSON_MARKS, make_object=make_object)
    if not isinstance(value, dict):
        raise invalid(field, "must be a JSON object")
    return value


def parse_json(body: bytes | bytearray, part: str, *, max_marks: int, make_object: MakeObject) -> object:
    """Return a JSON value whose objects ``make_object`` made.

    Raises:
        Refusal: ``malformed_body`` for broken JSON or more than ``MAX_JSON_LEVELS`` levels, ``body_too_large`` for more
            than ``max_marks`` commas and brackets.
    """
    if sum(map(body.count, (b",", b"[", b"{"))) > max_marks:
        raise Refusal("body_too_large", f"The {part} has more values than any request needs.")
    try:
        value: object = json.loads(body.decode("utf-8"), object_pairs_hook=make_object, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Refusal("malformed_body", f"The {part} is not valid JSON in UTF-8.") from None
    if _is_too_deep(value):
        raise Refusal("malformed_body", f"The {part} has more levels than any request needs.")
    return value


def repeated_name(pairs: list[tuple[str, Any]]) -> str | None:
    """Return the first name that comes a second time, or None."""
    if len(dict(pairs)) == len(pairs):
        return None
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            return name
        seen.add(name)
    raise AssertionError("fewer names than pairs, and none twice")


def validated(model: type[M], fields: Mapping[str, Any], *, inside: Mapping[str, str] | None = None) -> M:
    """Return ``fields`` as ``model``.

    Raises:
        Refusal: it names every field that is not valid, ``inside`` giving prefixes by first field.
    """
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        refuse_fields(error, inside=inside)


async def _at_least_pace(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield ``chunks``.

    Raises:
        DeadlineExceeded: they come more slowly than ``Pace`` allows.
    """
    loop = asyncio.get_running_loop()
    pace = Pace(loop.time())
    while True:
        try:
            async with asyncio.timeout_at(pace.due):
                chunk = await anext(chunks)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise DeadlineExceeded(
                f"The body came too slowly: {LEAST_BYTES:,} bytes of it must come every {PACE_S:g} s.",
                retry_after_s=1.0,
            ) from None
        pace.came(len(chunk), loop.time())
        yield chunk


def _too_large(max_bytes: int) -> Refusal:
    return Refusal("body_too_large", f"The body has more than {max_bytes:,} bytes.")


def _is_too_deep(value: object) -> bool:
    """Return whether following ``value`` inwards could take a program to the end of its stack."""
    level = [value] if isinstance(value, (dict, list)) else []
    for _ in range(MAX_JSON_LEVELS):
        children = (child for parent in level for child in (parent.values() if isinstance(parent, dict) else parent))
        level = [child for child in children if isinstance(child, (dict, list))]
    return bool(level)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
