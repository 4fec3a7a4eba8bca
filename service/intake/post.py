"""Bodies in, checked requests out: content type, size while it streams, JSON or multipart, fields.

What a field means is for ``interpret``; here only its form is judged.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from anyio import to_thread
from pydantic import ValidationError
from starlette.requests import Request

from service.intake.budget import Claim
from service.intake.multipart import Part, PartBounds, read_multipart
from service.problems import Refusal, invalid, refuse_fields, shown_name
from service.schemas.requests import (
    MAX_FIELDS_BYTES,
    MAX_IMAGE_BYTES,
    MAX_JSON_BYTES,
    MAX_MULTIPART_BYTES,
    Base64Image,
    SuggestionOptions,
    SuggestionRequest,
)

BIG_JSON_BYTES = 200_000
# Commas and brackets: a body of 20 MB made of "{}," would become objects of half a GB. Base64 holds none of them, a
# caption of commas alone 5,000.
MAX_JSON_MARKS = 20_000
MAX_JSON_LEVELS = 20

FORM_FIELDS = ("image", "caption", "seeds", "platforms", "options")
OPTION_FIELDS = tuple(SuggestionOptions.model_fields)
FORM_BOUNDS = PartBounds({"image": (MAX_IMAGE_BYTES, "image_too_large")}, default_bytes=MAX_FIELDS_BYTES // 4)


@dataclass(frozen=True, slots=True)
class ReadPost:
    """A request whose form is right.

    Attributes:
        request: the fields; its ``image`` is None when the file came as ``image_file``, and a URL is not yet fetched.
        image_file: the photograph's bytes, not yet decoded, or None.
    """

    request: SuggestionRequest
    image_file: bytes | None


async def read_post(request: Request, claim: Claim) -> ReadPost:
    """Return what one suggestion request asks for.

    Raises:
        Refusal: anything between the content type and a field's form is wrong.
        Overloaded: too many bytes of bodies are held already.
    """
    if is_json(request):
        body = await read_body(request, claim, MAX_JSON_BYTES)
        if len(body) > BIG_JSON_BYTES:
            # A large picture in base64 takes long enough to be felt by every other request.
            return await to_thread.run_sync(read_json, body)
        return read_json(body)
    if content_kind(request) == "multipart/form-data":
        chunks = _bounded(request, claim, MAX_MULTIPART_BYTES)
        return read_form(await read_multipart(chunks, request.headers["content-type"], FORM_BOUNDS))
    raise Refusal("unsupported_content_type", "Send application/json or multipart/form-data.")


def is_json(request: Request) -> bool:
    """Return whether the body is announced as JSON."""
    return content_kind(request) == "application/json"


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
    async for chunk in _bounded(request, claim, max_bytes):
        body += chunk
    return body


def read_json(body: bytes | bytearray) -> ReadPost:
    """Return the request in a JSON body."""
    return read_fields(parse_object(body, "body"))


def read_fields(fields: dict[str, Any]) -> ReadPost:
    """Return the request that JSON's ``fields`` make."""
    try:
        request = SuggestionRequest.model_validate(fields)
    except ValidationError as error:
        refuse_fields(error)
    if isinstance(request.image, Base64Image):
        image_file = decode_base64(request.image.base64)
        return ReadPost(request.model_copy(update={"image": None}), image_file)
    return ReadPost(request, None)


def read_form(parts: list[Part]) -> ReadPost:
    """Return the request in the parts of a form."""
    fields: dict[str, Any] = {}
    lists: dict[str, list[str]] = {"seeds": [], "platforms": []}
    image_file: bytes | None = None
    seen: set[str] = set()
    for part in parts:
        if part.name not in FORM_FIELDS:
            hint = "; it belongs into options" if part.name in OPTION_FIELDS else ""
            raise invalid(shown_name(part.name), f"is not a field of this form{hint}")
        if part.name in seen and part.name not in lists:
            raise invalid(part.name, "is given twice")
        seen.add(part.name)
        if part.name == "image":
            image_file = _picture_of(part)
        elif part.name == "options":
            fields = parse_object(part.data, "options")
        elif part.name == "caption":
            fields_caption = _decode(part)
        else:
            lists[part.name] += [piece for piece in map(str.strip, _decode(part).split(",")) if piece]
    for name in fields:
        if name not in OPTION_FIELDS:
            hint = "; it is a part of its own" if name in FORM_FIELDS else ""
            raise invalid(shown_name(f"options.{name}"), f"is not an option{hint}")
    if "caption" in seen:
        fields["caption"] = fields_caption
    try:
        request = SuggestionRequest.model_validate({**fields, **lists})
    except ValidationError as error:
        refuse_fields(error, inside=dict.fromkeys(OPTION_FIELDS, "options."))
    return ReadPost(request, image_file)


def parse_object(body: bytes | bytearray, where: str) -> dict[str, Any]:
    """Return a JSON object, strictly: UTF-8, finite numbers, no key given twice.

    Raises:
        Refusal: ``malformed_body`` for broken JSON, ``invalid_request`` for a double key or another kind of value.
    """
    field = "" if where == "body" else where
    value = load_json(body, where, max_marks=MAX_JSON_MARKS, once=lambda pairs: _once(pairs, field))
    if not isinstance(value, dict):
        raise invalid(field, "must be a JSON object")
    return value


def load_json(
    body: bytes | bytearray, where: str, *, max_marks: int, once: Callable[[list[tuple[str, Any]]], object]
) -> object:
    """Return a JSON value, strictly: UTF-8, finite numbers; ``once`` makes objects of pairs.

    Raises:
        Refusal: ``malformed_body`` for broken JSON or more than ``MAX_JSON_LEVELS`` levels, ``body_too_large`` for more
            values than ``max_marks``.
    """
    if sum(map(body.count, (b",", b"[", b"{"))) > max_marks:
        raise Refusal("body_too_large", f"The {where} has more values than any request needs.")
    try:
        value: object = json.loads(body.decode("utf-8"), object_pairs_hook=once, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Refusal("malformed_body", f"The {where} is not valid JSON in UTF-8.") from None
    if _is_too_deep(value):
        raise Refusal("malformed_body", f"The {where} has more levels than any request needs.")
    return value


def _is_too_deep(value: object) -> bool:
    """Return whether following ``value`` inwards could take a program to the end of its stack."""
    level = [value] if isinstance(value, (dict, list)) else []
    for _ in range(MAX_JSON_LEVELS):
        children = (child for one in level for child in (one.values() if isinstance(one, dict) else one))
        level = [child for child in children if isinstance(child, (dict, list))]
    return bool(level)


def decode_base64(text: str) -> bytes:
    """Return the bytes of a picture sent as base64."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        hint = ", without a data: prefix" if text.startswith("data:") else ""
        raise invalid("image.base64", f"must be padded base64{hint}") from None
    if len(data) > MAX_IMAGE_BYTES:
        raise Refusal("image_too_large", f"The picture has more than {MAX_IMAGE_BYTES:,} bytes.")
    return data


async def _bounded(request: Request, claim: Claim, max_bytes: int) -> AsyncIterator[bytes]:
    """Yield the body's chunks; past ``max_bytes`` refuse at once, by the announced length or by what came."""
    too_large = Refusal("body_too_large", f"The body has more than {max_bytes:,} bytes.")
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > max_bytes:
        raise too_large
    n_bytes = 0
    async for chunk in claim.draw_for(request.stream()):
        n_bytes += len(chunk)
        if n_bytes > max_bytes:
            raise too_large
        yield chunk


def _picture_of(part: Part) -> bytes | None:
    """Return a file part's bytes, or None for the empty part that a browser sends when no file was chosen."""
    if not part.filename and not part.data:
        return None
    if part.filename is None and not part.content_type.startswith("image/"):
        raise invalid("image", "must be a file part (curl: -F image=@photo.jpg)")
    return bytes(part.data)


def _decode(part: Part) -> str:
    try:
        return part.data.decode("utf-8")
    except UnicodeDecodeError:
        raise invalid(part.name, "must be UTF-8") from None


def _once(pairs: list[tuple[str, Any]], inside: str) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        double = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise invalid(shown_name(f"{inside}.{double}" if inside else double), "is given twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
