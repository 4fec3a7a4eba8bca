"""One post, answered: understood, its picture fetched where it is a URL, recommended for, rendered and recorded.

Single posts and those of a batch go through here alike, so that both get the same answers; checks share the first half.

While the database is away answers still go out: the last known feedback counts, the record waits in the spool, and the
answer has a warning.
"""

from __future__ import annotations

from dataclasses import replace

from core.clock import now_ms
from core.suggestions import Answer, Notice
from service.answer.interpret import Asked, understand
from service.answer.render import render
from service.context import RequestContext
from service.engine.lifecycle import ServedBundle
from service.intake.bodies import Claim
from service.intake.post import ReadRequest
from service.schemas.answers import SuggestionAnswer, Warned
from service.schemas.requests import CheckRequest, SuggestionRequest
from service.store.ids import suggestion_id, unrecorded

CODE = "store_unavailable"
OUTDATED = "the database is away: feedback that was given since it went is not in this list"
UNRECORDED = "there is no room to remember this answer: feedback on it will not be accepted"


async def answer_post(
    context: RequestContext, serving: ServedBundle, post: ReadRequest[SuggestionRequest], claim: Claim
) -> SuggestionAnswer:
    """Return the answer to ``post``.

    Args:
        context: of the request that the post came with.
        serving: the bundle that answers it.
        post: as intake read it.
        claim: what a fetched picture's bytes are drawn from.

    Raises:
        Refusal: a field means nothing here, or the picture's URL is refused or silent.
        TagsmithError: the post cannot be answered, or not now.
    """
    asked, answer = await recommended(context, serving, post.request, post, claim)
    body = render(
        answer, post.request, asked, serving.loaded, request_id=context.request_id, suggestion_id=suggestion_id()
    )
    entry = {
        "kind": "suggestion",
        "id": body.suggestion_id,
        "workspace": context.workspace,
        "bundle": body.bundle,
        "created_ms": now_ms(),
        "hashtags": [[suggestion.hashtag] for suggestion in body.suggestions],
    }
    if context.parts.repositories.journal.note(entry):
        return body
    warnings = [*body.warnings, Warned(code=CODE, detail=UNRECORDED)]
    return body.model_copy(update={"suggestion_id": unrecorded(body.suggestion_id), "warnings": warnings})


async def recommended(
    context: RequestContext,
    serving: ServedBundle,
    request: SuggestionRequest,
    read: ReadRequest[SuggestionRequest] | ReadRequest[CheckRequest],
    claim: Claim,
) -> tuple[Asked, Answer]:
    """Return ``request`` as it was understood, and what is recommended for it.

    Args:
        context: of the request at hand.
        serving: the bundle that answers it.
        request: the post, or what a check asks about one.
        read: what ``request`` came with; its picture is used.
        claim: what a fetched picture's bytes are drawn from.

    Raises:
        Refusal: a field means nothing here, or the picture's URL is refused or silent.
        TagsmithError: the request cannot be answered, or not now.
    """
    parts = context.parts
    with context.stages.measured("read"):
        has_file = read.image_file is not None or read.image_url is not None
        asked = understand(request, has_file=has_file, names=serving.loaded.names)
        image_file = read.image_file
        if read.image_url is not None:
            image_file = await parts.fetcher.fetch(read.image_url, claim)
        leaning = await parts.repositories.feedback.leaning(context.workspace)
        if not leaning.current:
            asked = replace(asked, warnings=(*asked.warnings, Notice(CODE, OUTDATED)))
        query = replace(asked.query, workspace=leaning.values)
    return asked, await serving.inference.answer(query, image_file, context.stages, caller=context.account)
