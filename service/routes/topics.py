"""GET /v1/topics: what the loaded bundle tells apart."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request

from service.protocol.auth import caller
from service.protocol.problems import documented
from service.schemas.answers import TopicList

router = APIRouter(tags=["what is loaded"])


@router.get(
    "/v1/topics",
    summary="List the topics of the bundle",
    responses=documented("not_ready"),
    dependencies=[Depends(caller("read"))],
)
async def topics(request: Request) -> TopicList:
    """Answer with the topics in the order of the classifier; `topic` of a request takes one of them."""
    manifest = request.app.state.service.loaded.bundle.manifest
    return TopicList(bundle=manifest.bundle_id, topics=list(manifest.topics))
