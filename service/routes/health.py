"""GET /ping, /ready and /metrics: for those who watch over the service."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from service.observe.metrics import CONTENT_TYPE
from service.protocol.auth import caller
from service.protocol.problems import documented
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
async def ready(request: Request) -> Health:
    """Answer 200 once a bundle is loaded and warm and until the service drains, 503 otherwise.

    `warnings` names what an operator should look at although suggestions are answered: the store's current bundle is
    refused, or the database is away.
    """
    service = request.app.state.service
    _ = service.inference
    warnings = [Warned(code=code, detail=detail) for code, detail in sorted(service.concerns.items())]
    return Health(status="ready", bundle=service.loaded.bundle.manifest.bundle_id, warnings=warnings or None)


@router.get(
    "/metrics",
    summary="Export metrics for Prometheus",
    response_class=Response,
    dependencies=[Depends(caller("metrics"))],
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Prometheus text format"}
    },
)
async def metrics(request: Request) -> Response:
    """Answer with counters and timers."""
    return Response(request.app.state.metrics.exposition(), media_type=CONTENT_TYPE)
