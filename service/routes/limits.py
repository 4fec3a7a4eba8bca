"""GET /v1/limits: how much may be sent and asked for."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request

from service.intake import json_body as small_bodies
from service.intake.fetching import MAX_REDIRECTS, TOTAL_S
from service.protocol.auth import caller
from service.protocol.connections import MAX_HEADER_BYTES
from service.schemas import requests as schemas
from service.schemas.answers import Limits
from service.schemas.store import MAX_SET_HASHTAGS, MAX_SPOKEN_OF
from service.store.sets import MAX_SETS

router = APIRouter(tags=["what is loaded"])


@router.get("/v1/limits", summary="List the limits", dependencies=[Depends(caller("read"))])
async def limits(request: Request) -> Limits:
    """Answer with every limit that a request can meet."""
    settings = request.app.state.settings
    return Limits(
        image_bytes=schemas.MAX_IMAGE_BYTES,
        image_megapixels=schemas.MAX_IMAGE_MEGAPIXELS,
        image_formats=list(schemas.IMAGE_FORMATS),
        json_body_bytes=schemas.MAX_JSON_BYTES,
        multipart_body_bytes=schemas.MAX_MULTIPART_BYTES,
        caption_characters=schemas.MAX_CAPTION_CHARACTERS,
        hashtag_characters=schemas.MAX_HASHTAG_CHARACTERS,
        seeds=schemas.MAX_SEEDS,
        suggestions=schemas.MAX_SUGGESTIONS,
        platforms=schemas.MAX_PLATFORMS,
        exclude=schemas.MAX_EXCLUDED,
        pin=schemas.MAX_SUGGESTIONS,
        batch_posts=schemas.MAX_BATCH_POSTS,
        batch_body_bytes=schemas.MAX_BATCH_BYTES,
        check_hashtags=schemas.MAX_SUGGESTIONS,
        feedback_hashtags=MAX_SPOKEN_OF,
        set_hashtags=MAX_SET_HASHTAGS,
        sets=MAX_SETS,
        small_body_bytes=small_bodies.MAX_BYTES,
        header_bytes=MAX_HEADER_BYTES,
        image_url_s=TOTAL_S,
        image_url_redirects=MAX_REDIRECTS,
        requests_inside=settings.queue,
        deadline_s=settings.deadline_s,
        batch_deadline_s=settings.batch_deadline_s,
    )
