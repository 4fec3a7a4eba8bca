"""Multipart bodies, read while they stream in: no part and no body grows past its bound.

python-multipart finds the boundaries; what a part may weigh, and that it is complete, is judged here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from service.problems import Refusal

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MAX_PARTS = 256


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
    """How many bytes a part may have: by name, and otherwise."""

    by_name: Mapping[str, tuple[int, str]]
    default_bytes: int

    def check(self, part: Part) -> None:
        """Raise the refusal that fits when ``part`` is over its bound."""
        max_bytes, code = self.by_name.get(part.name, (self.default_bytes, "body_too_large"))
        if len(part.data) > max_bytes:
            raise Refusal(code, f"The part {part.name!r} has more than {max_bytes:,} bytes.")


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
    """Decode a header's value; only fields of known names are read, so a lossy one is an unknown one."""
    return raw.decode("utf-8", "replace")
