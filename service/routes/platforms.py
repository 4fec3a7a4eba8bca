"""GET /v1/platforms: the rules that ready sets keep."""

from __future__ import annotations

from fastapi import APIRouter, Request

from service.answers import PlatformList
from service.problems import documented

router = APIRouter(tags=["what is loaded"])


@router.get("/v1/platforms", summary="List platform rules with date and source", responses=documented("not_ready"))
async def platforms(request: Request) -> PlatformList:
    """Answer with every platform's rules, each with its date and source."""
    listed: PlatformList = request.app.state.service.loaded.sets.listing()
    return listed
