"""The contract as OpenAPI: what FastAPI finds in the routes, and what every call shares."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from service.answers import Problem
from service.auth import gatekeepers
from service.problems import MEDIA_TYPE, documented
from service.schemas import BatchRequest, CheckRequest, SuggestionOptions, SuggestionRequest
from service.store_schemas import FeedbackRequest, SetRequest

DESCRIPTION = """
Send a photograph, a caption, a few seed hashtags or any of them; get a ranked, explained list of hashtags.

Hashtags travel without `#` and in normal form; both `dog` and `#Dog` are read. Unknown fields are refused. Errors are
RFC 9457 problems. Times are RFC 3339 in UTC.
"""
HEADERS = {
    "X-Request-ID": {
        "description": "the caller's, when it is 1 to 128 visible ASCII characters; else a new one",
        "schema": {"type": "string"},
    },
    "Server-Timing": {
        "description": "milliseconds of read, queue, decode, classify and rank",
        "schema": {"type": "string"},
    },
}
REQUEST_ID = {
    "name": "X-Request-ID",
    "in": "header",
    "required": False,
    "description": "comes back in the answer",
    "schema": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-~]+$"},
}


GUARDED = ("missing_key", "bad_key", "forbidden", "rate_limited", "store_unavailable")
SECURITY_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "a key of `tagsmith keys create`"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "the same key"},
}
RATE_HEADERS = {
    "RateLimit-Policy": {
        "description": "with a key: how many requests in how many seconds",
        "schema": {"type": "string"},
    },
    "RateLimit": {
        "description": "with a key: requests left, and seconds until the quota is whole again",
        "schema": {"type": "string"},
    },
}


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document of ``app``."""
    document = get_openapi(title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes)
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    _, extra = models_json_schema(
        [
            (SuggestionRequest, "validation"),
            (SuggestionOptions, "validation"),
            (BatchRequest, "validation"),
            (CheckRequest, "validation"),
            (FeedbackRequest, "validation"),
            (SetRequest, "validation"),
            (Problem, "serialization"),
        ],
        ref_template="#/components/schemas/{model}",
    )
    schemas.update(extra["$defs"])
    document["components"]["securitySchemes"] = SECURITY_SCHEMES
    guards = gatekeepers(app)
    for template, path in document["paths"].items():
        for method, operation in path.items():
            guard = guards.get((method.upper(), template))
            headers = HEADERS if guard is None else {**HEADERS, **RATE_HEADERS}
            if guard is not None:
                # Neither is needed while there are no keys.
                operation["security"] = [{"bearer": []}, {"header": []}, {}]
            operation.setdefault("parameters", []).append(REQUEST_ID)
            _document(operation, "internal_error", *(() if guard is None else GUARDED))
            for response in operation["responses"].values():
                response["headers"] = {**response.get("headers", {}), **headers}
    return document


def _document(operation: dict[str, Any], *codes: str) -> None:
    """Add what an operation may be refused with to what it says already."""
    for status, response in documented(*codes).items():
        told = operation["responses"].setdefault(str(status), response)
        if told is not response:
            told["description"] += f" or {response['description']}"
            told["content"][MEDIA_TYPE]["examples"].update(response["content"][MEDIA_TYPE]["examples"])
