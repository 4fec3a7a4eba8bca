"""POST /v1/check: a set of hashtags that somebody already has."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from service.answer.checking import answer_check
from service.context import Context
from service.intake.post import read_check
from service.problems import ABOUT_A_POST, documented
from service.protocol.auth import RequiresScope
from service.protocol.parameters import no_query_string
from service.schemas.check import CheckAnswer

router = APIRouter(tags=["suggestions"])

BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/CheckRequest"}}},
    }
}
PROBLEMS = documented(*ABOUT_A_POST)


@router.post(
    "/v1/check",
    summary="Check a set of hashtags",
    response_model=CheckAnswer,
    responses=PROBLEMS,
    openapi_extra=BODY,
    dependencies=[Depends(RequiresScope("suggest")), Depends(no_query_string)],
)
async def check(request: Request, context: Context) -> Response:
    """Answer with normal forms, duplicates, broken rules, popularity, flags, how well each fits, and what to swap in.

    How well each hashtag fits is told when there is an image or a caption. What to swap in comes from the post, or
    without one from the set itself. The workspace's feedback counts as it does for suggestions.
    """
    async with context.in_time():
        serving = context.serving
        with context.parts.bodies.claims(context.account) as claim:
            with context.stages.measured("read"):
                sent = await read_check(request, claim)
            answer = await answer_check(context, serving, sent, claim)
    return Response(answer.model_dump_json(), media_type="application/json")
