"""One post that was read, answered: its picture fetched where it is a URL, its fields understood, its list made.

Single posts and those of a batch go through here alike, so that both get the same answers.
"""

from __future__ import annotations

from dataclasses import replace

from starlette.requests import Request

from service.answers import SuggestionAnswer
from service.budget import Claim
from service.desk import Desk
from service.fetching import Fetcher
from service.intake import ReadPost
from service.interpret import understand
from service.loading import Loaded
from service.render import render
from service.schemas import UrlImage
from service.stages import Stages


async def answer_post(
    request: Request, post: ReadPost, desk: Desk, loaded: Loaded, *, claim: Claim, stages: Stages
) -> SuggestionAnswer:
    """Return the answer to ``post``.

    Args:
        request: that the post came with; its id goes into the answer.
        post: as intake read it.
        desk: where it is answered.
        loaded: what the desk answers with.
        claim: what a fetched picture's bytes are drawn from.
        stages: where the time is noted.

    Raises:
        Refusal: a field means nothing here, or the picture's URL is refused or silent.
        TagsmithError: the post cannot be answered, or not now.
    """
    with stages.measured("read"):
        image = post.request.image
        url = image.url if isinstance(image, UrlImage) else None
        asked = understand(post.request, has_file=post.image_file is not None or url is not None, names=loaded.names)
        if url is not None:
            fetcher: Fetcher = request.app.state.fetcher
            post = replace(post, image_file=await fetcher.fetch(url, claim))
    answer = await desk.answer(asked.query, post.image_file, stages)
    return render(answer, post.request, asked, loaded, request_id=request.state.request_id)
