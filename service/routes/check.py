"""POST /v1/check: a set of hashtags that somebody already has."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from service.answer.checking import judge, question, read_set
from service.answer.interpret import known_platforms, understand
from service.answer.post import fetched
from service.answer.recollection import with_leaning
from service.context import Context
from service.intake.check_intake import read_check
from service.problems import ABOUT_A_POST, documented
from service.protocol.auth import RequiresScope
from service.protocol.parameters import no_query_string
from service.schemas.check import CheckAnswer
from service.schemas.requests import UrlImage

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
    stages = context.stages
    async with context.in_time():
        inference, loaded = context.inference, context.loaded
        with context.parts.bodies.claims() as claim:
            with stages.measured("read"):
                sent, image_file = await read_check(request, claim)
                platforms = known_platforms(sent.platforms, loaded.names)
                given = read_set(sent.hashtags, loaded)
                asking = question(sent, given)
                has_file = image_file is not None or isinstance(sent.image, UrlImage)
                asked = understand(asking, has_file=has_file, names=loaded.names) if asking else None
                if image_file is None:
                    image_file = await fetched(context, sent.image, claim)
                if asked:
                    query, notices = await with_leaning(context, asked.query)
                    asked = replace(asked, query=query, warnings=(*asked.warnings, *notices))
            answer = await inference.answer(asked.query, image_file, stages) if asked else None
    body = judge(sent, given, platforms, asked, answer, loaded, request_id=context.request_id)
    return Response(body.model_dump_json(), media_type="application/json")
