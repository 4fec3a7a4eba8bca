"""What is said of a database that cannot be used."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest
from sqlalchemy.exc import OperationalError

from service.store.database import first_cause


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
