"""GET /docs: the contract, to read."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from service.reference import render_reference

router = APIRouter(include_in_schema=False)


@router.get("/docs")
async def docs(request: Request) -> HTMLResponse:
    """Answer with the contract as one page."""
    return HTMLResponse(render_reference(request.app.openapi(), str(request.base_url).rstrip("/")))
