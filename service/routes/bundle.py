"""GET /v1/bundle: the model card."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request

from service.protocol.auth import caller
from service.protocol.problems import documented
from service.schemas.answers import BundleCard

router = APIRouter(tags=["what is loaded"])


@router.get(
    "/v1/bundle",
    summary="Describe the loaded bundle",
    responses=documented("not_ready"),
    dependencies=[Depends(caller("read"))],
)
async def bundle(request: Request) -> BundleCard:
    """Answer with what trained the bundle, on what, how well it does and whom it is not for."""
    card: BundleCard = request.app.state.service.loaded.card
    return card
