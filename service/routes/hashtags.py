"""GET /v1/hashtags, /v1/hashtags/{hashtag} and /v1/trending: completion, one hashtag in full, and what rises."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from service.answer.lookups import complete, describe, trending
from service.context import Context
from service.problems import documented
from service.protocol.auth import RequiresScope
from service.protocol.parameters import no_name_twice
from service.schemas.lookups import HashtagCard, HashtagList, Trending
from service.schemas.requests import CompletionQuery, TrendingQuery

router = APIRouter(tags=["hashtags"])


@router.get(
    "/v1/hashtags",
    summary="Complete a hashtag",
    responses=documented("invalid_request", "not_ready"),
    dependencies=[Depends(RequiresScope("read")), Depends(no_name_twice)],
)
def hashtags(context: Context, query: Annotated[CompletionQuery, Query()]) -> HashtagList:
    """Answer with the hashtags that start with `prefix`, most used first; all of them without one."""
    return complete(context.loaded, query.prefix, query.limit, query.cursor)


@router.get(
    "/v1/hashtags/{hashtag}",
    summary="Describe a hashtag",
    responses=documented("not_found", "invalid_request", "not_ready"),
    dependencies=[Depends(RequiresScope("read"))],
)
def hashtag(
    context: Context,
    hashtag: Annotated[str, Path(description="with or without `#` (`%23`)", min_length=1, max_length=400)],
) -> HashtagCard:
    """Answer with posts, tier, topics, display form, trend and what is related by use and by meaning."""
    return describe(context.loaded, hashtag)


@router.get(
    "/v1/trending",
    summary="List what rises and what is used most",
    responses=documented("invalid_request", "not_ready"),
    dependencies=[Depends(RequiresScope("read")), Depends(no_name_twice)],
)
def trends(context: Context, query: Annotated[TrendingQuery, Query()]) -> Trending:
    """Answer with rising and top hashtags of the last `days` that were counted, and where the counts came from.

    Without counts of the last 30 days both lists are empty; `snapshot` tells whether there are older ones.
    """
    return trending(context.loaded, query.topic, query.days, query.limit)
