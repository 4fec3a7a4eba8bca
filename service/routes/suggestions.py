"""POST /v1/suggestions: hashtags for one post."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from service.answer.post import answer_post
from service.context import Context
from service.intake.post import read_post
from service.problems import ABOUT_A_POST, documented
from service.protocol.auth import RequiresScope
from service.protocol.idempotency import PARAMETER, answer_idempotently, fingerprint_of
from service.protocol.parameters import no_query_string
from service.schemas.answers import SuggestionAnswer

router = APIRouter(tags=["suggestions"])

FORM = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "image": {"type": "string", "format": "binary", "description": "the photograph, as a file part"},
        "caption": {"$ref": "#/components/schemas/SuggestionRequest/properties/caption"},
        "seeds": {
            "type": "array",
            "items": {"type": "string"},
            "description": "hashtags; the part repeated, or comma separated",
        },
        "platforms": {
            "type": "array",
            "items": {"type": "string"},
            "description": "platform names; the part repeated, or comma separated",
        },
        "options": {"$ref": "#/components/schemas/SuggestionOptions"},
    },
}
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/SuggestionRequest"}},
            "multipart/form-data": {"schema": FORM, "encoding": {"options": {"contentType": "application/json"}}},
        },
    },
    "parameters": [PARAMETER],
}
PROBLEMS = documented(*ABOUT_A_POST, "conflict", "nothing_to_go_on")


@router.post(
    "/v1/suggestions",
    summary="Suggest hashtags for one post",
    response_model=SuggestionAnswer,
    responses=PROBLEMS,
    openapi_extra=BODY,
    dependencies=[Depends(RequiresScope("suggest")), Depends(no_query_string)],
)
async def suggest(request: Request, context: Context) -> Response:
    """Answer with a ranked, explained list of hashtags for a photograph, a caption, seed hashtags or any of them."""
    async with context.in_time():
        serving = context.serving
        with context.parts.bodies.claims(context.account) as claim:
            with context.stages.measured("read"):
                post = await read_post(request, claim)

            async def answer() -> Response:
                body = await answer_post(context, serving, post, claim)
                return Response(body.model_dump_json(), media_type="application/json")

            def fingerprint() -> bytes:
                return fingerprint_of(b"suggestions", post.request.model_dump_json().encode(), post.image_file or b"")

            deadline_s = context.parts.settings.deadline_s
            return await answer_idempotently(request, context, fingerprint, answer, deadline_s=deadline_s)
