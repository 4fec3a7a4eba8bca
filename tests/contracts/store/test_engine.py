"""What every store does when its database goes away and comes back."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from core.errors import StoreUnavailable
from service.store.engine import Store
from service.store.tables import KEYS
from tests.contracts.store.conftest import take_away


async def test_a_failure_is_believed_until_somebody_looks(store: Store) -> None:
    """Requests are told at once, without a try, also when it is back; who looks finds that and tells them."""
    there = store.engine
    await take_away(store)
    with pytest.raises(StoreUnavailable):
        await _ask(store)
    assert store.away
    assert not await store.look()
    store.engine = there
    with pytest.raises(StoreUnavailable):
        await _ask(store)
    assert await store.look()
    assert not store.away
    await _ask(store)


async def test_who_looks_first_finds_that_it_is_away(store: Store) -> None:
    """No request needs to be the one that waits for a database that is not there."""
    assert await store.look()
    await take_away(store)
    assert not await store.look()
    assert store.away


async def _ask(store: Store) -> None:
    async with store.statements() as connection:
        await connection.execute(select(KEYS.c.id))
