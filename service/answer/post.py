"""One post that was read, answered: its picture fetched where it is a URL, its fields understood, its list made.

Single posts and those of a batch go through here alike, so that both get the same answers.
"""

from __future__ import annotations

from dataclasses import replace

from service.answer.interpret import understand
from service.answer.recollection import recorded, with_leaning
from service.answer.render import render
from service.context import RequestContext
from service.engine.inference import Inference
from service.engine.loading import Loaded
from service.intake.budget import Claim
from service.intake.post import ReadPost
from service.observe.metrics import StageTimes
from service.schemas.answers import SuggestionAnswer
from service.schemas.requests import Picture, UrlImage


async def answer_post(
    context: RequestContext, post: ReadPost, inference: Inference, loaded: Loaded, *, claim: Claim, stages: StageTimes
) -> SuggestionAnswer:
    """Return the answer to ``post``.

    Args:
        context: of the request that the post came with; its id goes into the answer.
        post: as intake read it.
        inference: where it is answered.
        loaded: what it answers with.
        claim: what a fetched picture's bytes are drawn from.
        stages: where the time is noted.

    Raises:
        Refusal: a field means nothing here, or the picture's URL is refused or silent.
        TagsmithError: the post cannot be answered, or not now.
    """
    with stages.measured("read"):
        has_file = post.image_file is not None or isinstance(post.request.image, UrlImage)
        asked = understand(post.request, has_file=has_file, names=loaded.names)
        image_file = post.image_file
        if image_file is None:
            image_file = await fetched(context, post.request.image, claim)
        query, notices = await with_leaning(context, asked.query)
    answer = await inference.answer(query, image_file, stages)
    asked = replace(asked, warnings=(*asked.warnings, *notices))
    return recorded(context, render(answer, post.request, asked, loaded, request_id=context.request_id))


async def fetched(context: RequestContext, image: Picture | None, claim: Claim) -> bytes | None:
    """Return the file behind the URL that ``image`` is, or None when it is something else.

    Raises:
        Refusal: ``image_url_refused``, ``image_url_unreachable`` or ``image_too_large``.
    """
    if not isinstance(image, UrlImage):
        return None
    return await context.parts.fetcher.fetch(image.url, claim)
