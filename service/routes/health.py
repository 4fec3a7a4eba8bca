"""GET /ping, /ready and /metrics: for those who watch over the service."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from starlette.responses import Response

from service.context import Context
from service.observe.metrics import CONTENT_TYPE
from service.problems import documented
from service.protocol.auth import RequiresScope
from service.schemas.answers import Health, Warned

router = APIRouter(tags=["health"])


@router.get("/ping", summary="Tell whether the process lives", response_model_exclude_none=True)
async def ping() -> Health:
    """Answer whenever the process can."""
    return Health(status="ok")


@router.get(
    "/ready",
    summary="Tell whether requests are answered",
    responses=documented("not_ready"),
    response_model_exclude_none=True,
)
async def ready(context: Context) -> Health:
    """Answer 200 once a bundle is loaded and warm and until the service drains, 503 otherwise.

    `warnings` names what an operator should look at although suggestions are answered: the store's current bundle is
    refused, or the database is away.
    """
    serving = context.serving
    concerns = context.parts.lifecycle.concerns
    warnings = [Warned(code=code, detail=detail) for code, detail in sorted(concerns.items())]
    return Health(status="ready", bundle=serving.bundle_id, warnings=warnings or None)


@router.get(
    "/metrics",
    summary="Export metrics for Prometheus",
    response_class=Response,
    dependencies=[Depends(RequiresScope("metrics"))],
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Prometheus text format"}
    },
)
async def metrics(context: Context) -> Response:
    """Answer with counters and timers."""
    return Response(context.parts.metrics.exposition(), media_type=CONTENT_TYPE)
