"""GET /v1/me: who the caller is, and what is left of the key's rate."""

from __future__ import annotations

import math
from typing import Annotated

from fastapi import APIRouter, Depends, Request

from service.protocol.auth import Caller, caller
from service.schemas.store import Me, RateLeft
from service.schemas.times import shown_time
from service.store.key_ring import StoredKey
from service.store.limits import Rate

router = APIRouter(tags=["keys"])


@router.get("/v1/me", summary="Tell who the caller is")
async def me(request: Request, who: Annotated[Caller, Depends(caller())]) -> Me:
    """Answer with the key's workspace, scopes, end and what is left of its rate after this call."""
    key: StoredKey | None = getattr(request.state, "key", None)
    rate: Rate | None = getattr(request.state, "rate", None)
    left = None
    if rate is not None:
        left = RateLeft(per_minute=rate.per_minute, remaining=math.floor(rate.left), full_in_s=round(rate.full_in_s, 1))
    return Me(
        workspace=who.workspace,
        key_id=who.key_id,
        name=key.name if key else None,
        scopes=sorted(who.scopes),
        expires=None if key is None or key.expires_ms is None else shown_time(key.expires_ms),
        rate=left,
    )
