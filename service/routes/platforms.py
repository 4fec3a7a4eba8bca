"""GET /v1/platforms: the rules that ready sets keep."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request

from core.platforms import Platform
from service.protocol.auth import caller
from service.protocol.problems import documented
from service.schemas.answers import PlatformEntry, PlatformFact, PlatformList

router = APIRouter(tags=["what is loaded"])


@router.get(
    "/v1/platforms",
    summary="List platform rules with date and source",
    responses=documented("not_ready"),
    dependencies=[Depends(caller("read"))],
)
async def platforms(request: Request) -> PlatformList:
    """Answer with every platform's rules, each with its date and source."""
    return PlatformList(platforms=[_entry(one) for one in request.app.state.service.loaded.platforms.values()])


def _entry(platform: Platform) -> PlatformEntry:
    return PlatformEntry(
        platform=platform.name,
        title=platform.title,
        counting=platform.counting,
        inline=platform.inline,
        rules=[
            PlatformFact.model_validate(
                {
                    "rule": fact.name,
                    "value": fact.value,
                    "source": fact.source,
                    "as_of": fact.as_of,
                    "confirmed": fact.confirmed,
                }
            )
            for fact in platform.facts
        ],
        notes=list(platform.notes),
    )
