"""Each test here runs on a SQLite file and on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import itertools
import shutil
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from service.store.database import Store, open_store
from service.store.schema import HEAD, migrate
from tests.support.postgres import Postgres, running_postgres

_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A server for the whole session."""
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def migrated(postgres: Postgres) -> str:
    """The name of a database with the current schema, to be copied."""

    async def make() -> None:
        store = open_store(await postgres.new_database("migrated"))
        await migrate(store, HEAD)
        await store.close()

    # In a thread of its own: an event loop may be running in this one.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, make()).result()
    return "migrated"


@pytest.fixture(params=["sqlite", "postgresql"])
async def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """The address of a database without tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/empty.db"
        return
    server: Postgres = request.getfixturevalue("postgres")
    name = f"empty{next(_numbers)}"
    yield await server.new_database(name)
    await server.drop_database(name)


@pytest.fixture(params=["sqlite", "postgresql"])
async def url(request: pytest.FixtureRequest, tmp_path: Path, empty_database: Path) -> AsyncIterator[str]:
    """The address of a database with the current schema and nothing in it."""
    if request.param == "sqlite":
        yield f"sqlite:///{shutil.copy(empty_database, tmp_path / 'copy.db')}"
        return
    server: Postgres = request.getfixturevalue("postgres")
    name = f"copy{next(_numbers)}"
    yield await server.new_database(name, request.getfixturevalue("migrated"))
    await server.drop_database(name)


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    """A store with the current schema and nothing in it."""
    opened = open_store(url)
    yield opened
    await opened.close()


@pytest.fixture
async def second_store(url: str) -> AsyncIterator[Store]:
    """The same database as another process sees it."""
    opened = open_store(url)
    yield opened
    await opened.close()


async def take_away(store: Store) -> None:
    """Let the store find nobody at its database's address from now on."""
    await store.close()
    store.engine = open_store("postgresql://nobody@127.0.0.1:1/nothing").engine


@dataclass
class Clock:
    """A clock that stands still until it is told otherwise."""

    ms: int = 1_795_000_000_000

    def __call__(self) -> int:
        """Return the milliseconds since 1970."""
        return self.ms

    def pass_s(self, seconds: float) -> None:
        """Let time pass, or go back."""
        self.ms += int(seconds * 1000.0)


@pytest.fixture
def clock() -> Clock:
    """A clock in the hands of the test."""
    return Clock()
