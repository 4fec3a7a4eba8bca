"""What every store does when its database goes away and comes back."""

from __future__ import annotations

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from core.errors import StoreUnavailable
from service.store.database import WRITE_S, Store
from service.store.schema import accept
from service.store.tables import KEYS, SETS
from tests.contracts.store.conftest import take_away


async def test_a_failure_is_believed_until_somebody_looks(store: Store) -> None:
    """Requests are told at once, without a try, also when it is back; who looks finds that and tells them."""
    there = store.engine
    await take_away(store)
    with pytest.raises(StoreUnavailable):
        await _ask(store)
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


async def test_a_table_that_somebody_took_away_is_a_database_that_is_away(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """Not a fault of the program: what needs no database goes on. The log names the reason once, without content."""
    async with store.transaction() as connection:
        await connection.execute(text("ALTER TABLE keys RENAME TO elsewhere"))
    for _ in range(3):
        assert await store.look()
        with pytest.raises(StoreUnavailable):
            await _ask(store)
    (told,) = [record for record in caplog.records if record.getMessage() == "store failed"]
    reason = told.fields["reason"]  # type: ignore[attr-defined]
    assert reason == {"sqlite": "SQLITE_ERROR", "postgresql": "UndefinedTableError"}[store.kind]


async def test_a_statement_that_is_wrong_in_itself_is_a_fault_of_the_program(store: Store) -> None:
    """It is not hidden behind a database that would be away."""
    with pytest.raises(IntegrityError):
        async with store.transaction() as connection:
            await connection.execute(SETS.insert().values(workspace="w", name="n"))
    assert not store.away


async def test_a_database_that_can_be_read_but_not_written_to_is_away(store: Store) -> None:
    """As on a full disk. Found by whoever looks, within seconds; back as soon as something can be written again."""
    seconds = [0.0]
    store._clock = lambda: seconds[0]
    assert await store.look()
    seconds[0] += WRITE_S
    async with store.transaction() as connection:
        await connection.execute(text("ALTER TABLE workspaces RENAME TO elsewhere"))
    assert not await store.look()
    assert store.away
    async with store._connected(even_if_away=True) as connection, connection.begin():
        await connection.execute(text("ALTER TABLE elsewhere RENAME TO workspaces"))
    assert await store.look()


async def test_a_database_that_is_distrusted_is_taken_when_it_has_the_schema(store: Store) -> None:
    """One that was away when the service started may be of any version."""
    store.accepts = accept
    store.distrust()
    with pytest.raises(StoreUnavailable):
        await _ask(store)
    assert await store.look()
    await _ask(store)
    async with store.transaction() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    store.distrust()
    assert not await store.look()
    with pytest.raises(StoreUnavailable):
        await _ask(store)


async def _ask(store: Store) -> None:
    async with store.statements() as connection:
        await connection.execute(select(KEYS.c.id))
