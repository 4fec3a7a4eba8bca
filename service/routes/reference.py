"""GET /docs: the contract, to read."""

from __future__ import annotations

import re

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from service.protocol.headers import PAGE_POLICY
from service.protocol.reference import render_reference

PLAIN_HOST = re.compile(r"[A-Za-z0-9.:\[\]-]{1,200}")
HERE = "127.0.0.1:8000"

router = APIRouter(include_in_schema=False)


@router.get("/docs")
async def docs(request: Request) -> HTMLResponse:
    """Answer with the contract as one page."""
    host = request.headers.get("host", "")
    return HTMLResponse(
        render_reference(request.app.openapi(), f"http://{host if PLAIN_HOST.fullmatch(host) else HERE}"),
        headers={"Content-Security-Policy": PAGE_POLICY},
    )
