"""Refusals and problems: what a caller is told of an error, and the only place that knows which HTTP status it has.

Answers follow RFC 9457. ``KINDS`` is the table of problem codes, ``CODES`` gives every class of ``core.errors`` its
code; a test fails when a class is missing from it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from pydantic import ValidationError

from core import errors
from service.schemas.requests import MAX_IMAGE_BYTES

MEDIA_TYPE = "application/problem+json"
MAX_VALUE_CHARACTERS = 64
MAX_FIELD_PATH = 120
MAX_SHOWN_ERRORS = 20
MAX_TOLD = 3
"""How many fields the detail of a problem names; its list of errors holds more."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One row of the table of problems."""

    status: int
    title: str


KINDS: Mapping[str, Kind] = {
    "malformed_body": Kind(400, "The body is broken"),
    "missing_key": Kind(401, "A key is needed"),
    "bad_key": Kind(401, "The key is not valid"),
    "forbidden": Kind(403, "The key may not do this"),
    "not_found": Kind(404, "There is nothing here"),
    "method_not_allowed": Kind(405, "The method is not allowed here"),
    "conflict": Kind(409, "The request conflicts with another"),
    "precondition_failed": Kind(412, "The thing has changed since"),
    "headers_too_slow": Kind(408, "The headers took too long"),
    "body_too_large": Kind(413, "The body is too large"),
    "image_too_large": Kind(413, "The image is too large"),
    "unsupported_content_type": Kind(415, "The content type is not supported"),
    "invalid_request": Kind(422, "The request is not valid"),
    "nothing_to_go_on": Kind(422, "There is nothing to go on"),
    "unsupported_image": Kind(422, "The image format is not supported"),
    "undecodable_image": Kind(422, "The image cannot be decoded"),
    "image_url_refused": Kind(422, "The image URL is refused"),
    "image_url_unreachable": Kind(422, "No image came from the URL"),
    "precondition_required": Kind(428, "The request must say which version it means"),
    "rate_limited": Kind(429, "The key has used up its rate"),
    "overloaded": Kind(429, "The service is overloaded"),
    "headers_too_large": Kind(431, "The headers are too large"),
    "internal_error": Kind(500, "Something went wrong here"),
    "timed_out": Kind(503, "The time ran out"),
    "not_ready": Kind(503, "The service is not ready"),
    "store_unavailable": Kind(503, "The store is not available"),
}

CODES: Mapping[type[errors.TagsmithError], str] = {
    errors.TagsmithError: "internal_error",
    errors.BadInput: "invalid_request",
    errors.NothingToGoOn: "nothing_to_go_on",
    errors.InvalidOption: "invalid_request",
    errors.UnsupportedImage: "unsupported_image",
    errors.UndecodableImage: "undecodable_image",
    errors.ImageTooLarge: "image_too_large",
    errors.DataError: "internal_error",
    errors.WeightsUnavailable: "internal_error",
    errors.MissingExtra: "internal_error",
    errors.BundleError: "not_ready",
    errors.BundleMissing: "not_ready",
    errors.BundleMismatch: "not_ready",
    errors.BundleCorrupt: "not_ready",
    errors.StorageError: "store_unavailable",
    errors.StoreMismatch: "store_unavailable",
    errors.Unavailable: "not_ready",
    errors.Overloaded: "overloaded",
    errors.DeadlineExceeded: "timed_out",
    errors.NotReady: "not_ready",
    errors.StoreUnavailable: "store_unavailable",
}

ABOUT_A_POST = (
    "malformed_body",
    "body_too_large",
    "image_too_large",
    "unsupported_content_type",
    "invalid_request",
    "unsupported_image",
    "undecodable_image",
    "image_url_refused",
    "image_url_unreachable",
    "overloaded",
    "internal_error",
    "timed_out",
    "not_ready",
)
"""What every call that reads one post may be refused with."""

MEANINGS_OF_RETRY: Mapping[int, str] = {
    429: "seconds until a retry makes sense",
    503: "seconds until a retry makes sense, where that can be told",
}

# Messages of these are written for the caller; those of the others may name files of the machine.
FIT_FOR_CALLERS = (errors.BadInput, errors.Unavailable)

PLAIN_DETAILS: Mapping[str, str] = {
    "internal_error": "A fault in the service kept it from answering; request_id finds it in the log.",
    "not_ready": "No bundle is loaded.",
    "store_unavailable": "The service cannot write just now.",
}


# In the words of the contract: pydantic's own speak of its types and of validation.
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


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field.

    Attributes:
        field: its path (``seeds[2]``, ``mix.broad``); "" is the whole body.
        message: what is expected.
        value: what was sent, where it is a scalar short enough to be shown.
    """

    field: str
    message: str
    value: str | int | float | bool | None = None


class Refusal(Exception):
    """A request is answered with a problem: for errors that are about HTTP alone, and so have no class in ``core``.

    Args:
        code: of ``KINDS``.
        detail: a sentence for the caller.
        fields: what is wrong with which fields.
        headers: of the answer.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        fields: tuple[FieldError, ...] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.fields = fields
        self.headers = dict(headers or {})


def refusal_for(error: Exception) -> Refusal:
    """Return ``error`` as a refusal; an unknown class becomes an internal error without its text."""
    if isinstance(error, Refusal):
        return error
    code = next((CODES[known] for known in type(error).__mro__ if known in CODES), "internal_error")
    if not isinstance(error, FIT_FOR_CALLERS):
        return Refusal(code, PLAIN_DETAILS[code])
    fields: tuple[FieldError, ...] = ()
    headers: dict[str, str] = {}
    if isinstance(error, errors.BadInput) and error.field is not None:
        fields = (FieldError(error.field, str(error)),)
    if isinstance(error, errors.Unavailable) and error.retry_after_s is not None:
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after_s)))
    return Refusal(code, str(error), fields=fields, headers=headers)


def problem_body(refusal: Refusal, *, instance: str, request_id: str) -> dict[str, Any]:
    """Return the body of a problem: the members of RFC 9457, and our own."""
    kind = KINDS[refusal.code]
    body: dict[str, Any] = {
        "type": f"/problems/{refusal.code}",
        "title": kind.title,
        "status": kind.status,
        "detail": refusal.detail,
        "instance": instance,
        "code": refusal.code,
        "request_id": request_id,
    }
    if refusal.fields:
        body["errors"] = [_field_body(field) for field in refusal.fields]
    return body


def _field_body(error: FieldError) -> dict[str, Any]:
    body: dict[str, Any] = {"field": error.field, "message": error.message}
    if error.value is not None:
        body["value"] = error.value
    return body


def presentable(value: object) -> str | int | float | bool | None:
    """Return ``value`` when it is a scalar that may be shown in an error, else None."""
    if isinstance(value, bool):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, int):
        return value if len(str(abs(value))) <= MAX_VALUE_CHARACTERS else None
    if isinstance(value, str) and len(value) <= MAX_VALUE_CHARACTERS and value.isprintable():
        return value
    return None


def documented(*codes: str) -> dict[int | str, dict[str, Any]]:
    """Return OpenAPI responses for ``codes``, those of one status under one entry."""
    responses: dict[int | str, dict[str, Any]] = {}
    for code in codes:
        kind = KINDS[code]
        entry = responses.setdefault(
            kind.status,
            {
                "description": "",
                "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": {}}},
            },
        )
        entry["description"] = " or ".join(filter(None, [entry["description"], f"`{code}`: {kind.title}"]))
        example = problem_body(Refusal(code, kind.title + "."), instance="/v1/suggestions", request_id="5c0b7e")
        entry["content"][MEDIA_TYPE]["examples"][code] = {"value": example}
        if kind.status in MEANINGS_OF_RETRY:
            meaning = MEANINGS_OF_RETRY[kind.status]
            entry["headers"] = {"Retry-After": {"description": meaning, "schema": {"type": "integer"}}}
    return responses


def message_of(entry: Mapping[str, Any]) -> str:
    """Return one of pydantic's error entries in the words of the contract, to be read after the field's name."""
    known = _MESSAGES.get(entry["type"])
    return known.format_map(entry.get("ctx", {})) if known else entry["msg"][:1].lower() + entry["msg"][1:]


def detail_of(fields: Sequence[FieldError]) -> str:
    """Return a sentence that says what is wrong with the first of ``fields``, and how many more there are."""
    told = [
        f"{error.field} {error.message}" if error.field else f"The body {error.message}" for error in fields[:MAX_TOLD]
    ]
    if len(fields) > MAX_TOLD:
        told.append(f"{len(fields) - MAX_TOLD} more fields are not valid")
    return f"{'; '.join(told)}."


def invalid(field: str, message: str, value: object = None) -> Refusal:
    """Return the refusal of one field."""
    fields = (FieldError(field, message, presentable(value)),)
    return Refusal("invalid_request", detail_of(fields), fields=fields)


def refuse_fields(error: ValidationError, *, inside: Mapping[str, str] | None = None) -> NoReturn:
    """Raise the refusal that names every field of ``error``; ``inside`` gives prefixes by first field."""
    entries: list[dict[str, Any]] = [dict(entry) for entry in error.errors(include_url=False)]
    if any(entry["type"] == "string_too_long" and entry["loc"][-1] == "base64" for entry in entries):
        raise Refusal("image_too_large", f"The picture has more than {MAX_IMAGE_BYTES:,} bytes.") from None
    raise fields_refusal(entries, inside=inside) from None


def fields_refusal(entries: Sequence[Mapping[str, Any]], *, inside: Mapping[str, str] | None = None) -> Refusal:
    """Return the refusal that names the fields of pydantic's error ``entries``."""
    found: list[FieldError] = []
    for entry in entries[:MAX_SHOWN_ERRORS]:
        first = str(entry["loc"][0]) if entry["loc"] else ""
        path = printable_name((inside or {}).get(first, "") + _path(entry["loc"]))
        private = first in ("caption", "image")
        found.append(FieldError(path, message_of(entry), None if private else presentable(entry["input"])))
    return Refusal("invalid_request", detail_of(found), fields=tuple(found))


def printable_name(name: str) -> str:
    """Return a name that the caller chose, cut to a bounded length, with ? for what cannot be printed."""
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
