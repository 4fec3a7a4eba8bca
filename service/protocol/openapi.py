"""The contract as OpenAPI: what FastAPI finds in the routes, and what every call shares."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from service.problems import KINDS, MEDIA_TYPE, documented
from service.protocol.auth import scope_checks
from service.schemas.answers import Problem
from service.schemas.requests import BatchRequest, CheckRequest, SuggestionOptions, SuggestionRequest
from service.schemas.store import FeedbackRequest, SetRequest

DESCRIPTION = """
Send a photograph, a caption, a few seed hashtags or any of them; get a ranked, explained list of hashtags.

Hashtags travel without `#` and in normal form; both `dog` and `#Dog` are read. Unknown fields are refused. Errors are
RFC 9457 problems. Times are RFC 3339 in UTC.
"""
EXAMPLES: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_name("examples.json").read_text("utf-8"))
"""Answers by operation, then by status, or by status and media type."""
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
    "description": "comes back in the answer when it is 1 to 128 visible ASCII characters; else a new one does",
    "schema": {"type": "string"},
}


ANYWHERE = ("malformed_body", "headers_too_slow", "headers_too_large", "internal_error")
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


def openapi_document(app: FastAPI) -> dict[str, Any]:
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
    guards = scope_checks(app)
    for template, path in document["paths"].items():
        for method, operation in path.items():
            guard = guards.get((method.upper(), template))
            headers = HEADERS if guard is None else {**HEADERS, **RATE_HEADERS}
            if guard is not None:
                # Neither is needed while there are no keys.
                operation["security"] = [{"bearer": []}, {"header": []}, {}]
            operation.setdefault("parameters", []).append(REQUEST_ID)
            _add_problems(operation, *ANYWHERE, *(() if guard is None else GUARDED))
            for response in operation["responses"].values():
                response["headers"] = {**response.get("headers", {}), **headers}
            _add_examples(operation, template)
    _add_links(document["paths"])
    # Problems that any path may answer, and those that are answered before the path is known, are listed once.
    document["components"]["responses"] = {
        code: {**next(iter(documented(code).values())), "headers": HEADERS} for code in KINDS
    }
    return document


def _add_examples(operation: dict[str, Any], template: str) -> None:
    """Put examples into an operation's answers, and its own path into those of its problems."""
    for key, example in EXAMPLES.get(operation["operationId"], {}).items():
        status, _, media_type = key.partition("/")
        operation["responses"][status]["content"][media_type or "application/json"]["example"] = example
    for response in operation["responses"].values():
        told = response.get("content", {}).get(MEDIA_TYPE, {})
        told["examples"] = {
            code: {"value": {**example["value"], "instance": template}}
            for code, example in told.get("examples", {}).items()
        }
        if not told["examples"]:
            del told["examples"]


def _add_links(paths: dict[str, Any]) -> None:
    """Say which part of an answer is what another call wants: generators of clients and of tests follow it."""
    saved = {"parameters": {"name": "$request.path.name"}}
    held = {"parameters": {"name": "$request.path.name", "If-Match": "$response.header.ETag"}}
    set_links = {
        "read": {"operationId": "read_set", **saved},
        "replace": {"operationId": "save_set", **held},
        "delete": {"operationId": "delete_set", **held},
    }
    for status in ("200", "201"):
        paths["/v1/sets/{name}"]["put"]["responses"][status]["links"] = set_links
    paths["/v1/sets/{name}"]["get"]["responses"]["200"]["links"] = {
        name: set_links[name] for name in ("replace", "delete")
    }
    chosen = {"suggestion_id": "$response.body#/suggestion_id", "accepted": []}
    paths["/v1/suggestions"]["post"]["responses"]["200"]["links"] = {
        "feedback": {"operationId": "give", "requestBody": chosen}
    }
    undone = {"operationId": "undo", "parameters": {"feedback_id": "$response.body#/feedback_id"}}
    paths["/v1/feedback"]["post"]["responses"]["201"]["links"] = {"undo": undone}
    page = {"operationId": "hashtags", "parameters": {"cursor": "$response.body#/next_cursor"}}
    paths["/v1/hashtags"]["get"]["responses"]["200"]["links"] = {"next": page}
    described = {"operationId": "hashtag", "parameters": {"hashtag": "$response.body#/hashtags/0/hashtag"}}
    paths["/v1/hashtags"]["get"]["responses"]["200"]["links"]["describe"] = described


def _add_problems(operation: dict[str, Any], *codes: str) -> None:
    """Add what an operation may be refused with to what it says already."""
    for status, response in documented(*codes).items():
        told = operation["responses"].setdefault(str(status), response)
        if told is not response:
            both = f"{told['description']} or {response['description']}"
            told["description"] = " or ".join(dict.fromkeys(both.split(" or ")))  # each code once
            told["content"][MEDIA_TYPE]["examples"].update(response["content"][MEDIA_TYPE]["examples"])
