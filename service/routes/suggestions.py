"""POST /v1/suggestions: hashtags for one post."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from service.answer.post import answer_post
from service.intake.post import read_post
from service.protocol.auth import caller
from service.protocol.deadlines import in_time
from service.protocol.idempotency import PARAMETER, digest_of, once
from service.protocol.problems import ABOUT_A_POST, documented
from service.protocol.query_strings import nothing_asked
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
    dependencies=[Depends(caller("suggest")), Depends(nothing_asked)],
)
async def suggest(request: Request) -> Response:
    """Answer with a ranked, explained list of hashtags for a photograph, a caption, seed hashtags or any of them."""
    stages, deadline_s = request.state.stages, request.app.state.settings.deadline_s
    async with in_time(request):
        inference, loaded = request.app.state.service.inference, request.app.state.service.loaded
        with request.app.state.bodies.claims() as claim:
            with stages.measured("read"):
                post = await read_post(request, claim)

            async def answer() -> Response:
                body = await answer_post(request, post, inference, loaded, claim=claim, stages=stages)
                return Response(body.model_dump_json(), media_type="application/json")

            def digest() -> bytes:
                return digest_of(b"suggestions", post.request.model_dump_json().encode(), post.image_file or b"")

            return await once(request, digest, answer, deadline_s=deadline_s)
