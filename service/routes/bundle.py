"""GET /v1/bundle: the model card."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request

from service.answers import BundleCard
from service.auth import caller
from service.problems import documented

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
