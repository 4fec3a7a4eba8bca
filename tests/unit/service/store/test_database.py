"""What is said of a database that cannot be used."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from service.settings import Settings
from service.store.database import first_cause
from service.store.repositories import prepare_store, store_of


async def test_a_timeout_is_a_timeout() -> None:
    """Not the cancelling by which the wait was ended."""
    with pytest.raises(TimeoutError) as caught:
        async with asyncio.timeout(0):
            await asyncio.Event().wait()
    assert first_cause(caught.value) is caught.value


def test_what_the_driver_said_is_found_below_what_others_made_of_it() -> None:
    """Through SQLAlchemy's own errors and what was raised from them."""
    full = sqlite3.OperationalError("database or disk is full")
    error = RuntimeError("cannot be stored")
    error.__cause__ = OperationalError("INSERT", {}, full)
    assert first_cause(error) is full


async def test_a_new_database_is_for_its_account_alone(tmp_path: Path) -> None:
    """It holds key hashes and feedback, as do the files beside it."""
    before = os.umask(0)
    try:
        await asyncio.to_thread(prepare_store, Settings(database=f"sqlite:///{tmp_path}/var/tagsmith.db"))
        file = tmp_path / "var" / "tagsmith.db"
        async with store_of(Settings(database=f"sqlite:///{file}")) as store, store.transaction() as connection:
            await connection.execute(text("CREATE TABLE more (number INTEGER)"))
            rights = {path.name: stat.S_IMODE(path.stat().st_mode) for path in file.parent.glob("tagsmith.db*")}
    finally:
        os.umask(before)
    assert set(rights.values()) == {0o600}
    assert len(rights) > 1


async def test_a_database_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    """As older versions made it."""
    settings = Settings(database=f"sqlite:///{tmp_path}/tagsmith.db")
    await asyncio.to_thread(prepare_store, settings)
    (tmp_path / "tagsmith.db").chmod(0o644)
    await asyncio.to_thread(prepare_store, settings)
    assert stat.S_IMODE((tmp_path / "tagsmith.db").stat().st_mode) == 0o600
