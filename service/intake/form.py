"""Forms: multipart bodies, read while they stream in, so that no part and no body grows past its bound.

python-multipart finds the boundaries; how large a part may be, that it is complete and which field it is, is judged
here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.requests import Request

from service.intake.bodies import MAX_JSON_MARKS, Claim, body_chunks, parse_object, validated
from service.problems import Refusal, invalid, printable_name
from service.schemas.requests import (
    MAX_FIELDS_BYTES,
    MAX_IMAGE_BYTES,
    MAX_MULTIPART_BYTES,
    SuggestionOptions,
    SuggestionRequest,
)

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

FORM = "multipart/form-data"
MAX_PARTS = 256
FIELDS = ("image", "caption", "seeds", "platforms", "options")
OPTIONS = tuple(SuggestionOptions.model_fields)


@dataclass(slots=True)
class Part:
    """One part of a form.

    Attributes:
        name: the form field.
        filename: as sent, None for a plain field.
        content_type: as sent, in lower case, without parameters; "" when not sent.
        data: the content.
    """

    name: str
    filename: str | None
    content_type: str
    data: bytearray = field(default_factory=bytearray)


@dataclass(frozen=True, slots=True)
class PartBounds:
    """How many bytes a part may have.

    Attributes:
        by_name: the bound of parts of these names, and the code of the refusal past it.
        default_bytes: the bound of all others.
    """

    by_name: Mapping[str, tuple[int, str]]
    default_bytes: int

    def check(self, part: Part) -> None:
        """Raise a ``Refusal`` when ``part`` is over its bound."""
        max_bytes, code = self.by_name.get(part.name, (self.default_bytes, "body_too_large"))
        if len(part.data) > max_bytes:
            raise Refusal(code, f"The part {part.name!r} has more than {max_bytes:,} bytes.")


FORM_BOUNDS = PartBounds({"image": (MAX_IMAGE_BYTES, "image_too_large")}, default_bytes=MAX_FIELDS_BYTES // 4)


async def read_form(request: Request, claim: Claim) -> tuple[SuggestionRequest, bytes | None]:
    """Return the post in a form, and the bytes of its photograph, or None.

    Raises:
        Refusal: the body is broken, too large, or a field's form is wrong.
        Overloaded: too many bytes of bodies are held already.
    """
    chunks = body_chunks(request, claim, MAX_MULTIPART_BYTES)
    return post_of_parts(await read_multipart(chunks, request.headers["content-type"], FORM_BOUNDS))


def post_of_parts(parts: list[Part]) -> tuple[SuggestionRequest, bytes | None]:
    """Return the post in the parts of a form, and the bytes of its photograph, or None.

    Raises:
        Refusal: a field is unknown, given twice, or its form is wrong.
    """
    options: dict[str, Any] = {}
    caption: dict[str, str] = {}
    lists: dict[str, list[str]] = {"seeds": [], "platforms": []}
    image_file: bytes | None = None
    seen: set[str] = set()
    # Before they are split: 60 parts of commas alone would become seven million strings on the event loop.
    if sum(part.data.count(b",") for part in parts if part.name in lists) > MAX_JSON_MARKS:
        raise Refusal("body_too_large", "The form has more values than any request needs.")
    for part in parts:
        if part.name not in FIELDS:
            hint = "; it belongs into options" if part.name in OPTIONS else ""
            raise invalid(printable_name(part.name), f"is not a field of this form{hint}")
        if part.name in seen and part.name not in lists:
            raise invalid(part.name, "is given twice")
        seen.add(part.name)
        if part.name == "image":
            image_file = _picture_of(part)
        elif part.name == "options":
            options = parse_object(part.data, "options")
        elif part.name == "caption":
            caption["caption"] = _decode(part)
        else:
            lists[part.name] += [piece for piece in map(str.strip, _decode(part).split(",")) if piece]
    for name in options:
        if name not in OPTIONS:
            hint = "; it is a part of its own" if name in FIELDS else ""
            raise invalid(printable_name(f"options.{name}"), f"is not an option{hint}")
    request = validated(SuggestionRequest, {**options, **caption, **lists}, inside=dict.fromkeys(OPTIONS, "options."))
    return request, image_file


async def read_multipart(chunks: AsyncIterator[bytes], content_type: str, bounds: PartBounds) -> list[Part]:
    """Return the parts in the order of the body.

    Raises:
        Refusal: ``malformed_body`` for broken framing, ``body_too_large`` or the part's own code past a bound.
    """
    _, parameters = parse_options_header(content_type)
    boundary = parameters.get(b"boundary", b"")
    if not boundary:
        raise Refusal("malformed_body", "The Content-Type of a multipart body must name its boundary.")
    collector = _Collector(bounds)
    try:
        parser = MultipartParser(boundary, collector.callbacks())
        async for chunk in chunks:
            parser.write(chunk)
        parser.finalize()
    except FormParserError:
        raise Refusal("malformed_body", "The multipart body is not framed as its boundary says.") from None
    if not collector.ended:
        raise Refusal("malformed_body", "The multipart body stops before its closing boundary.")
    return collector.parts


class _Collector:
    """Builds parts out of the parser's calls."""

    def __init__(self, bounds: PartBounds) -> None:
        self.parts: list[Part] = []
        self.ended = False
        self._bounds = bounds
        self._headers: dict[bytes, bytes] = {}
        self._name = bytearray()
        self._value = bytearray()

    def callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self._headers.clear,
            "on_header_field": lambda data, start, end: self._name.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._end_header,
            "on_headers_finished": self._begin_part,
            "on_part_data": self._add,
            "on_end": self._end,
        }

    def _end_header(self) -> None:
        self._headers[bytes(self._name).lower()] = bytes(self._value)
        self._name.clear()
        self._value.clear()

    def _begin_part(self) -> None:
        kind, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        name = options.get(b"name")
        if kind != b"form-data" or name is None:
            raise Refusal("malformed_body", "Each part needs a Content-Disposition: form-data with a name.")
        if len(self.parts) == MAX_PARTS:
            raise Refusal("body_too_large", f"The form has more than {MAX_PARTS} parts.")
        content_type, _ = parse_options_header(self._headers.get(b"content-type", b""))
        filename = options.get(b"filename")
        self.parts.append(
            Part(
                _text(name),
                None if filename is None else _text(filename),
                content_type.decode("latin-1").lower(),
            )
        )

    def _add(self, data: bytes, start: int, end: int) -> None:
        part = self.parts[-1]
        part.data += memoryview(data)[start:end]
        self._bounds.check(part)

    def _end(self) -> None:
        self.ended = True


def _text(raw: bytes) -> str:
    """Return a header's value as text; what is not UTF-8 cannot be the name of a known field."""
    return raw.decode("utf-8", "replace")


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
