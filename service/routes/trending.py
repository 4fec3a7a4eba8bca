"""GET /v1/trending: which hashtags rise, by dated counts."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from service.answer.lookups import trending
from service.protocol.auth import caller
from service.protocol.problems import documented
from service.protocol.query_strings import once_each
from service.schemas.lookups import Trending
from service.schemas.requests import TrendingQuery

router = APIRouter(tags=["hashtags"])


@router.get(
    "/v1/trending",
    summary="List what rises and what is used most",
    responses=documented("invalid_request", "not_ready"),
    dependencies=[Depends(caller("read")), Depends(once_each)],
)
def trends(request: Request, query: Annotated[TrendingQuery, Query()]) -> Trending:
    """Answer with rising and top hashtags of the last `days` that were counted, and where the counts came from.

    Without counts of the last 30 days both lists are empty; `snapshot` tells whether there are older ones.
    """
    return trending(request.app.state.service.loaded, query.topic, query.days, query.limit)
