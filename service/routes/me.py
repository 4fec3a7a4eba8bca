"""GET /v1/me: who the caller is, and what is left of the key's rate."""

from __future__ import annotations

import math
from typing import Annotated

from fastapi import APIRouter, Depends

from service.context import Caller, Context
from service.protocol.auth import RequiresScope
from service.schemas.store import Me, RateLeft, shown_time

router = APIRouter(tags=["keys"])


@router.get("/v1/me", summary="Tell who the caller is")
async def me(context: Context, caller: Annotated[Caller, Depends(RequiresScope(None))]) -> Me:
    """Answer with the key's workspace, scopes, end and what is left of its rate after this call."""
    key, rate = context.key, context.rate
    left = None
    if rate is not None:
        left = RateLeft(per_minute=rate.per_minute, remaining=math.floor(rate.left), full_in_s=round(rate.full_in_s, 1))
    return Me(
        workspace=caller.workspace,
        key_id=caller.key_id,
        name=key.name if key else None,
        scopes=sorted(caller.scopes),
        expires=None if key is None or key.expires_ms is None else shown_time(key.expires_ms),
        rate=left,
    )
