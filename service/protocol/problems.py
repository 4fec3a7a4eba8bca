"""Which HTTP status an error has: the only place that knows.

Answers follow RFC 9457. ``KINDS`` is the table of problem codes, ``CODES`` gives every class of ``core.errors`` its
code; a test fails when a class is missing from it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core import errors

MEDIA_TYPE = "application/problem+json"
MAX_VALUE_CHARACTERS = 64


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
    """A request is answered with a problem; for what has no class in ``core.errors`` because it is about HTTP alone."""

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
    """Return what tells a caller about ``error``; anything unknown is an internal error without its text."""
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
    """Return the RFC 9457 members and ours for one refusal."""
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
