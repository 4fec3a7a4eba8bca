"""What is loaded: GET /v1/topics, /v1/bundle, /v1/platforms and /v1/limits."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from core.images import FORMATS, MAX_PIXELS
from core.platforms import Platform
from service.context import Context
from service.intake.bodies import MAX_SMALL_BYTES
from service.intake.fetching import MAX_REDIRECTS, TOTAL_S
from service.problems import documented
from service.protocol.auth import RequiresScope
from service.protocol.connections import MAX_HEADER_BYTES
from service.schemas import requests as schemas
from service.schemas.answers import BundleCard, Limits, PlatformEntry, PlatformFact, PlatformList, TopicList
from service.schemas.store import MAX_SET_HASHTAGS, MAX_SPOKEN_OF
from service.store.sets import MAX_SETS

router = APIRouter(tags=["what is loaded"], dependencies=[Depends(RequiresScope("read"))])


@router.get(
    "/v1/topics",
    summary="List the topics of the bundle",
    responses=documented("not_ready"),
)
async def topics(context: Context) -> TopicList:
    """Answer with the topics in the order of the classifier; `topic` of a request takes one of them."""
    manifest = context.loaded.bundle.manifest
    return TopicList(bundle=manifest.bundle_id, topics=list(manifest.topics))


@router.get(
    "/v1/bundle",
    summary="Describe the loaded bundle",
    responses=documented("not_ready"),
)
async def bundle(context: Context) -> BundleCard:
    """Answer with what trained the bundle, on what, how well it does and whom it is not for."""
    return context.loaded.card


@router.get(
    "/v1/platforms",
    summary="List platform rules with date and source",
    responses=documented("not_ready"),
)
async def platforms(context: Context) -> PlatformList:
    """Answer with every platform's rules, each with its date and source."""
    return PlatformList(platforms=[_entry(platform) for platform in context.loaded.platforms.values()])


@router.get("/v1/limits", summary="List the limits")
async def limits(context: Context) -> Limits:
    """Answer with every limit that a request can meet."""
    settings = context.parts.settings
    return Limits(
        image_bytes=schemas.MAX_IMAGE_BYTES,
        image_megapixels=MAX_PIXELS // 1_000_000,
        image_formats=list(FORMATS),
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
        small_body_bytes=MAX_SMALL_BYTES,
        header_bytes=MAX_HEADER_BYTES,
        image_url_s=TOTAL_S,
        image_url_redirects=MAX_REDIRECTS,
        requests_inside=settings.queue,
        deadline_s=settings.deadline_s,
        batch_deadline_s=settings.batch_deadline_s,
    )


def _entry(platform: Platform) -> PlatformEntry:
    return PlatformEntry(
        platform=platform.name,
        title=platform.title,
        counting=platform.counting,
        inline=platform.inline,
        rules=[
            PlatformFact(
                rule=fact.name, value=fact.value, source=fact.source, as_of=fact.as_of, confirmed=fact.confirmed
            )
            for fact in platform.facts
        ],
        notes=list(platform.notes),
    )
