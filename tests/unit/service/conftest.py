"""A running application over fakes, asked without a network."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from service.app import create_app
from service.context import parts_of
from service.engine.loading import Loaded
from service.settings import Settings
from tests.support.serving import fake_loaded, loader
from tests.support.url_network import Lines, Listener, Names

Ask = Callable[..., Awaitable[httpx.AsyncClient]]


@pytest.fixture(autouse=True)
def _database_as_new(tmp_path: Path, empty_database: Path) -> None:
    """A copy of a database whose tables are made is there at once."""
    (tmp_path / "store").mkdir()
    shutil.copy(empty_database, tmp_path / "store" / "tagsmith.db")


@asynccontextmanager
async def asking(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Run ``app`` and yield a client of it."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://t") as client,
    ):
        yield client


async def until_ready(app: FastAPI) -> None:
    """Wait until the service answers requests; fail when it never will."""
    while parts_of(app).lifecycle._serving is None:
        assert parts_of(app).lifecycle.failure is None
        await asyncio.sleep(0.002)


@pytest.fixture
async def serve() -> AsyncIterator[Ask]:
    """Start applications on demand; each call returns a client of one that is ready."""
    async with AsyncExitStack() as stack:

        async def start(loaded: Loaded | None = None, **settings: Any) -> httpx.AsyncClient:
            app = create_app(Settings(**settings), load=loader(loaded or fake_loaded()))
            client = await stack.enter_async_context(asking(app))
            await until_ready(app)
            return client

        yield start


@pytest.fixture
async def client(serve: Ask) -> httpx.AsyncClient:
    """A client of a service over fakes."""
    return await serve()


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    """A listener on loopback."""
    one = Listener()
    server = await asyncio.start_server(one.serve, "127.0.0.1", 0, limit=1 << 20)
    one.port = server.sockets[0].getsockname()[1]
    yield one
    one.closed.set()
    server.close()


@pytest.fixture
def names() -> Names:
    """The resolver of the test."""
    return Names()


@pytest.fixture
def lines(listener: Listener) -> Lines:
    """The network of the test."""
    return Lines(listener)
