"""The time that one request has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import Request

from core.errors import DeadlineExceeded
from service.settings import Settings


@asynccontextmanager
async def in_time(request: Request) -> AsyncIterator[None]:
    """Give the block the time of one request, reading included.

    Raises:
        DeadlineExceeded: it took longer.
    """
    settings: Settings = request.app.state.settings
    try:
        async with asyncio.timeout(settings.deadline_s):
            yield
    except TimeoutError:
        raise DeadlineExceeded("The request's time ran out.", retry_after_s=1.0) from None
