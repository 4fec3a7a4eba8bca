"""GET /v1/hashtags and GET /v1/hashtags/{hashtag}: completion, and one hashtag in full."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request

from service.answer.lookups import complete, describe
from service.protocol.auth import caller
from service.protocol.problems import documented
from service.protocol.query_strings import once_each
from service.schemas.lookups import HashtagCard, HashtagList
from service.schemas.requests import CompletionQuery

router = APIRouter(tags=["hashtags"])


@router.get(
    "/v1/hashtags",
    summary="Complete a hashtag",
    responses=documented("invalid_request", "not_ready"),
    dependencies=[Depends(caller("read")), Depends(once_each)],
)
def hashtags(request: Request, query: Annotated[CompletionQuery, Query()]) -> HashtagList:
    """Answer with the hashtags that start with `prefix`, most used first; all of them without one."""
    return complete(request.app.state.service.loaded, query.prefix, query.limit, query.cursor)


@router.get(
    "/v1/hashtags/{hashtag}",
    summary="Describe a hashtag",
    responses=documented("not_found", "invalid_request", "not_ready"),
    dependencies=[Depends(caller("read"))],
)
def hashtag(
    request: Request,
    hashtag: Annotated[str, Path(description="with or without `#` (`%23`)", min_length=1, max_length=400)],
) -> HashtagCard:
    """Answer with posts, tier, topics, display form, trend and what is related by use and by meaning."""
    return describe(request.app.state.service.loaded, hashtag)
