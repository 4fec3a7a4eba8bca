"""Saved sets of hashtags: GET /v1/sets, and GET, PUT and DELETE /v1/sets/{name}."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from service.answer.interpret import normal_hashtags
from service.context import Context
from service.intake.bodies import read_model
from service.problems import Refusal, documented, invalid
from service.protocol.auth import RequiresScope
from service.protocol.parameters import if_match, if_none_match, no_name_twice, no_query_string, quoted
from service.schemas.store import (
    MAX_SET_NAME,
    SET_NAME,
    ListedSet,
    SavedSetAnswer,
    SetList,
    SetRequest,
    SetsQuery,
    shown_time,
)
from service.store.sets import ANY, MAX_SETS, SavedSet, Stale, TooMany, VersionNeeded

router = APIRouter(tags=["sets"], dependencies=[Depends(RequiresScope("sets"))])

Name = Annotated[str, Path(pattern=SET_NAME, max_length=MAX_SET_NAME, examples=["summer-2026"])]
ETAG = {"ETag": {"description": "the version", "schema": {"type": "string"}}}


def _condition(header: str, meaning: str) -> dict[str, Any]:
    return {"name": header, "in": "header", "required": False, "description": meaning, "schema": {"type": "string"}}


BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/SetRequest"}}},
    },
    "parameters": [
        _condition("If-Match", "the ETag of the version that this replaces; needed when there is a set of this name"),
        _condition("If-None-Match", "`*`: only when there is none of this name"),
    ],
}
STORED = documented("invalid_request", "store_unavailable")


@router.get("/v1/sets", summary="List saved sets", responses=STORED, dependencies=[Depends(no_name_twice)])
async def list_sets(context: Context, query: Annotated[SetsQuery, Query()]) -> SetList:
    """Answer with the workspace's sets by name, a page at a time."""
    found = await context.parts.repositories.sets.page(context.workspace, _after(query.cursor), query.limit + 1)
    shown = found[: query.limit]
    return SetList(
        sets=[ListedSet(**_fields(saved), etag=quoted(saved.etag)) for saved in shown],
        next_cursor=_cursor(shown[-1].name) if len(found) > query.limit else None,
    )


@router.get(
    "/v1/sets/{name}",
    summary="Read a saved set",
    response_model=SavedSetAnswer,
    responses={
        200: {"headers": ETAG},
        304: {"description": "If-None-Match names the version that there is", "headers": ETAG},
        **documented("invalid_request", "not_found", "store_unavailable"),
    },
    openapi_extra={"parameters": [_condition("If-None-Match", "the ETag of a version that the caller has")]},
)
async def read_set(request: Request, name: Name, context: Context) -> Response:
    """Answer with a set and, as its ETag, its version."""
    known = if_none_match(request)
    found = await context.parts.repositories.sets.get(context.workspace, name)
    if found is None:
        raise Refusal("not_found", "There is no such set.")
    if known is not None and known & {ANY, found.etag}:
        return Response(status_code=304, headers={"ETag": quoted(found.etag)})
    return _answer(found, 200)


@router.put(
    "/v1/sets/{name}",
    summary="Save a set",
    response_model=SavedSetAnswer,
    responses={
        200: {"headers": ETAG, "description": "replaced"},
        201: {"headers": ETAG, "description": "new", "model": SavedSetAnswer},
        **documented(
            "malformed_body",
            "body_too_large",
            "unsupported_content_type",
            "invalid_request",
            "precondition_failed",
            "precondition_required",
            "overloaded",
            "timed_out",
            "store_unavailable",
        ),
    },
    openapi_extra=BODY,
    dependencies=[Depends(no_query_string)],
)
async def save_set(request: Request, name: Name, context: Context) -> Response:
    """Make a set, or replace the version that If-Match names."""
    async with context.in_time():
        asked = await read_model(request, context.parts.bodies, SetRequest, caller=context.account)
    matched, unmatched = if_match(request), if_none_match(request)
    if unmatched is not None and unmatched != {ANY}:
        raise invalid("If-None-Match", "must be *")
    try:
        saved, is_new = await context.parts.repositories.sets.put(
            context.workspace,
            name,
            tuple(dict.fromkeys(normal_hashtags("hashtags", asked.hashtags))),
            if_match=matched,
            if_none_match=unmatched is not None,
        )
    except Stale:
        raise _stale() from None
    except VersionNeeded:
        raise _version_needed() from None
    except TooMany:
        raise invalid("name", f"would be one set more than the {MAX_SETS:,} that a workspace may have") from None
    return _answer(saved, 201 if is_new else 200)


@router.delete(
    "/v1/sets/{name}",
    summary="Delete a saved set",
    status_code=204,
    responses=documented(
        "invalid_request", "not_found", "precondition_failed", "precondition_required", "store_unavailable"
    ),
    openapi_extra={"parameters": [_condition("If-Match", "the ETag of the version that is to go; needed")]},
)
async def delete_set(request: Request, name: Name, context: Context) -> Response:
    """Delete the version of a set that If-Match names."""
    try:
        there = await context.parts.repositories.sets.delete(context.workspace, name, if_match(request))
    except Stale:
        raise _stale() from None
    except VersionNeeded:
        raise _version_needed() from None
    if not there:
        raise Refusal("not_found", "There is no such set.")
    return Response(status_code=204)


def _stale() -> Refusal:
    return Refusal("precondition_failed", "The set is not at the version that the request names: read it again.")


def _version_needed() -> Refusal:
    return Refusal("precondition_required", "There is such a set: name its version, If-Match: <its ETag>.")


def _answer(saved: SavedSet, status: int) -> Response:
    body = SavedSetAnswer(**_fields(saved)).model_dump_json()
    return Response(body, status_code=status, media_type="application/json", headers={"ETag": quoted(saved.etag)})


def _fields(saved: SavedSet) -> dict[str, Any]:
    return {
        "name": saved.name,
        "hashtags": list(saved.hashtags),
        "created": shown_time(saved.created_ms),
        "updated": shown_time(saved.updated_ms),
    }


def _cursor(name: str) -> str:
    return base64.urlsafe_b64encode(name.encode()).decode("ascii").rstrip("=")


def _after(cursor: str | None) -> str:
    """Return the name that a cursor stands for; pages begin after "", which is before every name."""
    if cursor is None:
        return ""
    try:
        name = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (ValueError, binascii.Error):
        name = ""
    if not name or _cursor(name) != cursor:
        raise invalid("cursor", "is not one that this service gave")
    return name
