"""POST /v1/feedback and DELETE /v1/feedback/{id}: what was used of a suggested list."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response

from core.clock import now_ms
from core.errors import StoreUnavailable
from recommend.workspace import Verdict
from service.answer.interpret import normal_hashtags
from service.context import Context, RequestContext
from service.intake.bodies import read_model
from service.problems import Refusal, documented, invalid
from service.protocol.auth import RequiresScope
from service.protocol.idempotency import PARAMETER, answer_idempotently, fingerprint_of, idempotency_key
from service.protocol.parameters import no_query_string
from service.schemas.store import FEEDBACK_EXAMPLE, FeedbackAnswer, FeedbackRequest
from service.store.feedback_rows import GivenFeedback, OtherWorkspace
from service.store.ids import is_unrecorded, new_id, spelt

router = APIRouter(tags=["feedback"], dependencies=[Depends(RequiresScope("feedback"))])

BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"$ref": "#/components/schemas/FeedbackRequest"},
                "examples": {"feedback": {"value": FEEDBACK_EXAMPLE}},
            }
        },
    },
    "parameters": [PARAMETER],
}
PROBLEMS = documented(
    "malformed_body",
    "not_found",
    "forbidden",
    "conflict",
    "body_too_large",
    "unsupported_content_type",
    "invalid_request",
    "overloaded",
    "timed_out",
    "store_unavailable",
)


@router.post(
    "/v1/feedback",
    summary="Tell what was used of a suggested list",
    status_code=201,
    response_model=FeedbackAnswer,
    responses={202: {"model": FeedbackAnswer, "description": "kept until the database is back"}, **PROBLEMS},
    openapi_extra=BODY,
    dependencies=[Depends(no_query_string)],
)
async def give(request: Request, context: Context) -> Response:
    """Take in which hashtags were accepted, rejected or added; later answers of the workspace follow.

    Answered 201 once it counts, or 202 when the database is away and it is kept for it: either way it is not lost.
    """
    async with context.in_time():
        asked = await read_model(request, context.parts.bodies, FeedbackRequest, caller=context.account)
        tags = _spoken_of(asked)
        return await answer_idempotently(
            request,
            context,
            lambda: fingerprint_of(b"feedback", asked.model_dump_json().encode()),
            lambda: _take_in(request, context, asked, tags),
            deadline_s=context.parts.settings.deadline_s,
        )


@router.delete(
    "/v1/feedback/{feedback_id}",
    summary="Take feedback back",
    status_code=204,
    responses=documented("invalid_request", "not_found", "forbidden", "store_unavailable"),
)
async def undo(context: Context, feedback_id: Annotated[str, Path(max_length=64)]) -> Response:
    """Make later answers what they would be had it never been given. Taking it back again changes nothing."""
    try:
        known = await context.parts.repositories.feedback.undo(context.workspace, feedback_id)
    except OtherWorkspace:
        raise Refusal("forbidden", "This feedback belongs to another workspace.") from None
    if not known:
        raise Refusal("not_found", "There is no such feedback.")
    return Response(status_code=204)


async def _take_in(
    request: Request, context: RequestContext, asked: FeedbackRequest, tags: tuple[tuple[str, Verdict], ...]
) -> Response:
    feedback = context.parts.repositories.feedback
    given = GivenFeedback(
        _feedback_id(request, context.workspace, asked), context.workspace, asked.suggestion_id, now_ms(), tags
    )
    try:
        shown = await feedback.shown(context.workspace, asked.suggestion_id)
    except OtherWorkspace:
        raise Refusal("forbidden", "This suggestion belongs to another workspace.") from None
    except StoreUnavailable:
        # It has a record, or its id would say otherwise; which hashtags it had is looked up when the database is back.
        await feedback.keep(given)
        state = "kept"
    else:
        if shown is None and is_unrecorded(asked.suggestion_id):
            raise Refusal("not_found", "There was no room to remember this answer, as its warning said.")
        if shown is None:
            raise Refusal("not_found", "There is no such suggestion, or it is more than 30 days old.")
        _refuse_unshown(asked, shown)
        state = await feedback.give(given)
    answer = FeedbackAnswer(feedback_id=given.feedback_id, suggestion_id=asked.suggestion_id, state=state)
    status = 201 if state == "stored" else 202
    return Response(answer.model_dump_json(), status_code=status, media_type="application/json")


def _spoken_of(asked: FeedbackRequest) -> tuple[tuple[str, Verdict], ...]:
    """Return each hashtag once with what was thought of it.

    Raises:
        Refusal: there is none, one can be none, or two lists contradict each other.
    """
    lists: tuple[tuple[Verdict, list[str]], ...] = (
        ("accepted", asked.accepted),
        ("rejected", asked.rejected),
        ("added", asked.added),
    )
    found: dict[str, Verdict] = {}
    for verdict, raw in lists:
        for hashtag in normal_hashtags(verdict, raw):
            if found.setdefault(hashtag, verdict) != verdict:
                raise invalid(verdict, f"holds a hashtag that is in {found[hashtag]} too", hashtag)
    if not found:
        raise invalid("accepted", "is empty, and so are rejected and added")
    return tuple(found.items())


def _refuse_unshown(asked: FeedbackRequest, shown: frozenset[str]) -> None:
    for field, raw in (("accepted", asked.accepted), ("rejected", asked.rejected)):
        for i, hashtag in enumerate(normal_hashtags(field, raw)):
            if hashtag not in shown:
                raise invalid(f"{field}[{i}]", "was not suggested; what was not belongs into added", raw[i])


def _feedback_id(request: Request, workspace: str, asked: FeedbackRequest) -> str:
    """Return a new id; with an Idempotency-Key the same for the same body, so that a retry after a crash adds nothing.

    Another body gets another id: while the database is away nobody knows that its key was used, and a second entry
    under one id would be taken for the first and be lost.
    """
    key = idempotency_key(request)
    if key is None:
        return new_id("fb")
    digest = fingerprint_of(workspace.encode(), key.encode(), asked.model_dump_json().encode())
    return f"fb_{spelt(int.from_bytes(digest[:16], 'big'))}"
