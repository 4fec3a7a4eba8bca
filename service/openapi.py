"""The contract as OpenAPI: what FastAPI finds in the routes, and what every call shares."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from service.answers import Problem
from service.problems import documented
from service.schemas import SuggestionOptions, SuggestionRequest

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


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document of ``app``."""
    document = get_openapi(title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes)
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    _, extra = models_json_schema(
        [(SuggestionRequest, "validation"), (SuggestionOptions, "validation"), (Problem, "serialization")],
        ref_template="#/components/schemas/{model}",
    )
    schemas.update(extra["$defs"])
    anywhere = documented("internal_error")
    for path in document["paths"].values():
        for operation in path.values():
            operation.setdefault("parameters", []).append(REQUEST_ID)
            for status, response in anywhere.items():
                operation["responses"].setdefault(str(status), response)
            for response in operation["responses"].values():
                response["headers"] = {**response.get("headers", {}), **HEADERS}
    return document
