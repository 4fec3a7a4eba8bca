"""What is wrong with a field, in the words of the contract: pydantic's own speak of its types and of validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from pydantic import ValidationError

from service.protocol.problems import FieldError, Refusal, presentable
from service.schemas.requests import MAX_IMAGE_BYTES

MAX_FIELD_PATH = 120
MAX_SHOWN_ERRORS = 20
MAX_TOLD = 3
"""Fields that the sentence of a problem names; its list holds more."""

_MESSAGES: Mapping[str, str] = {
    "missing": "is missing",
    "extra_forbidden": "is not a known field",
    "string_type": "must be a string",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must match {pattern}",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "too_short": "must hold at least {min_length}",
    "too_long": "must hold at most {max_length}",
    "literal_error": "must be {expected}",
}


def message_of(entry: Mapping[str, Any]) -> str:
    """Return what one of pydantic's error entries means, to be read after the field's name."""
    known = _MESSAGES.get(entry["type"])
    return known.format_map(entry.get("ctx", {})) if known else entry["msg"][:1].lower() + entry["msg"][1:]


def detail_of(fields: Sequence[FieldError]) -> str:
    """Return a sentence that says what is wrong with the first of ``fields``, and how many more there are."""
    told = [f"{one.field} {one.message}" if one.field else f"The body {one.message}" for one in fields[:MAX_TOLD]]
    if len(fields) > MAX_TOLD:
        told.append(f"{len(fields) - MAX_TOLD} more fields are not valid")
    return f"{'; '.join(told)}."


def invalid(field: str, message: str, value: object = None) -> Refusal:
    """Return the refusal of one field."""
    fields = (FieldError(field, message, presentable(value)),)
    return Refusal("invalid_request", detail_of(fields), fields=fields)


def refuse_fields(error: ValidationError, *, inside: dict[str, str] | None = None) -> NoReturn:
    """Raise the refusal that names every field of ``error``; ``inside`` gives prefixes by first field."""
    entries: list[dict[str, Any]] = [dict(one) for one in error.errors(include_url=False)]
    if any(entry["type"] == "string_too_long" and entry["loc"][-1] == "base64" for entry in entries):
        raise Refusal("image_too_large", f"The picture has more than {MAX_IMAGE_BYTES:,} bytes.") from None
    raise fields_refusal(entries, inside=inside) from None


def fields_refusal(entries: Sequence[Mapping[str, Any]], *, inside: Mapping[str, str] | None = None) -> Refusal:
    """Return the refusal that names the fields of pydantic's error ``entries``."""
    found: list[FieldError] = []
    for entry in entries[:MAX_SHOWN_ERRORS]:
        first = str(entry["loc"][0]) if entry["loc"] else ""
        path = shown_name((inside or {}).get(first, "") + _path(entry["loc"]))
        private = first in ("caption", "image")
        found.append(FieldError(path, message_of(entry), None if private else presentable(entry["input"])))
    return Refusal("invalid_request", detail_of(found), fields=tuple(found))


def shown_name(name: str) -> str:
    """Cut a name that the caller chose, and take out what cannot be printed."""
    return "".join(sign if sign.isprintable() else "?" for sign in name[:MAX_FIELD_PATH])


def _path(loc: tuple[int | str, ...]) -> str:
    """Return ``seeds[2]`` for ("seeds", 2); the tags of pydantic's unions are left out."""
    path = ""
    for step in loc:
        if isinstance(step, int):
            path += f"[{step}]"
        elif not (step.startswith("<") and step.endswith(">")):
            path += f".{step}" if path else step
    return path
