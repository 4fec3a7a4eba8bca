"""The way from one schema to another, on both databases."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, insert, inspect, select, text

from core.errors import InvalidOption, StoreMismatch
from service.store import schema
from service.store.database import Store, open_store
from service.store.tables import METADATA

MIGRATIONS = Path(schema.__file__).parent / "migrations"
COUNTS = "trend_counts"
ROWS: dict[str, dict[str, Any]] = {
    "keys": {"id": "k", "hash": b"\0\1", "workspace": "w", "name": "n", "scopes": "read", "per_minute": 6},
    "buckets": {"key_id": "k", "tokens": 1.5, "refilled_ms": 7},
    "suggestions": {"id": "sg", "workspace": "w", "bundle": "b", "hashtags": [["犬"]]},
    "feedback": {"id": "fb", "workspace": "w", "suggestion_id": "sg"},
    "feedback_tags": {"feedback_id": "fb", "hashtag": "犬", "verdict": "added"},
    "workspaces": {"workspace": "w", "feedback_version": 3},
    "sets": {"workspace": "w", "name": "a", "hashtags": ["犬"], "etag": "e", "updated_ms": 8},
    "repeats": {"workspace": "w", "key_hash": b"h", "digest": b"d", "locked_until_ms": 9, "holder": "x", "body": b"\0"},
}


@pytest.fixture
async def blank(empty_url: str) -> AsyncIterator[Store]:
    """A store over a database without tables."""
    opened = open_store(empty_url, patience_s=60.0)
    yield opened
    await opened.close()


async def _fill(store: Store) -> None:
    async with store.transaction() as connection:
        for table in METADATA.sorted_tables:
            row = dict(ROWS[table.name])
            if "created_ms" in table.c:
                row["created_ms"] = 1
            await connection.execute(insert(table).values(row))


async def _contents(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    async with store.transaction() as connection:
        return {
            table.name: [tuple(row) for row in await connection.execute(select(table))]
            for table in METADATA.sorted_tables
        }


async def test_the_tables_are_what_the_migrations_make(blank: Store) -> None:
    """Neither may be changed without the other."""
    await schema.migrate(blank, schema.HEAD)

    def differences(connection: Connection) -> list[Any]:
        return list(compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), METADATA))

    async with blank.transaction() as connection:
        assert await connection.run_sync(differences) == []


async def test_a_filled_database_goes_back_and_forward(blank: Store) -> None:
    """At each step what both schemas can hold stays as it was, to the byte; at the end of the way nothing is left."""
    order = (schema.EMPTY, *schema.REVISIONS)
    await schema.migrate(blank, schema.HEAD)
    await _fill(blank)
    before = await _contents(blank)
    for revision in reversed(order[1:-1]):
        newer = order[order.index(revision) + 1]
        assert await schema.migrate(blank, revision) == (newer, revision)
        assert await _contents(blank) == before
    await schema.migrate(blank, schema.HEAD)
    assert await _contents(blank) == before
    assert await schema.migrate(blank, schema.EMPTY) == (schema.HEAD, schema.EMPTY)
    assert await schema.revision_of(blank) == schema.EMPTY
    await schema.migrate(blank, schema.HEAD)
    assert await _contents(blank) == {name: [] for name in before}


async def test_trend_counts_go_and_everything_else_stays(blank: Store) -> None:
    """A filled database of schema 0002 loses that table alone; the way back makes it again as it was, empty."""

    def of_counts(connection: Connection) -> tuple[Any, ...]:
        inspector = inspect(connection)
        columns = [
            (column["name"], str(column["type"]), column["nullable"]) for column in inspector.get_columns(COUNTS)
        ]
        indexes = [(index["name"], index["column_names"]) for index in inspector.get_indexes(COUNTS)]
        return columns, indexes, inspector.get_pk_constraint(COUNTS)["constrained_columns"]

    await schema.migrate(blank, "0002")
    await _fill(blank)
    async with blank.transaction() as connection:
        await connection.execute(text(f"INSERT INTO {COUNTS} VALUES ('s', 20000, '', 'dog', 5)"))
        counts = await connection.run_sync(of_counts)
    before = await _contents(blank)
    assert await schema.migrate(blank, schema.HEAD) == ("0002", schema.HEAD)
    assert await _contents(blank) == before
    async with blank.transaction() as connection:
        assert not await connection.run_sync(lambda bound: inspect(bound).has_table(COUNTS))
    await schema.migrate(blank, "0002")
    assert await _contents(blank) == before
    async with blank.transaction() as connection:
        assert await connection.run_sync(of_counts) == counts
        assert await connection.scalar(text(f"SELECT count(*) FROM {COUNTS}")) == 0


async def test_an_unknown_schema_is_refused_with_what_to_do(blank: Store) -> None:
    """The service does not begin on tables that it does not understand, nor does a migration touch them."""
    await schema.migrate(blank, schema.HEAD)
    async with blank.transaction() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreMismatch, match="9999.*newer version"):
        await schema.ensure(blank)
    with pytest.raises(StoreMismatch, match="9999"):
        await schema.migrate(blank, schema.EMPTY)
    with pytest.raises(InvalidOption, match="nosuch"):
        await schema.migrate(blank, "nosuch")


async def test_tables_without_a_version_are_refused(blank: Store) -> None:
    """Somebody else's database of the same table names is left alone."""
    async with blank.transaction() as connection:
        await connection.execute(text("CREATE TABLE keys (mine TEXT)"))
    with pytest.raises(StoreMismatch, match="another database"):
        await schema.ensure(blank)


async def test_a_file_is_upgraded_at_the_start_and_a_server_by_command(blank: Store) -> None:
    """From nothing and from an older schema alike."""
    for before in (schema.EMPTY, *schema.REVISIONS[:-1]):
        await schema.migrate(blank, before)
        if blank.kind == "sqlite":
            await schema.ensure(blank)
        else:
            with pytest.raises(StoreMismatch, match="tagsmith store upgrade"):
                await schema.ensure(blank)
            assert await schema.revision_of(blank) == before
            await schema.migrate(blank, schema.HEAD)
            await schema.ensure(blank)
        assert await schema.revision_of(blank) == schema.HEAD


async def test_upgrades_at_once_are_one(empty_url: str) -> None:
    """Several workers or replicas that begin together do not trip over each other."""
    stores = [open_store(empty_url, patience_s=60.0) for _ in range(4)]
    done = await asyncio.gather(*(schema.migrate(store, schema.HEAD) for store in stores))
    assert sorted(done) == [(schema.HEAD, schema.HEAD)] * 3 + [(schema.EMPTY, schema.HEAD)]
    for store in stores:
        await store.close()


async def test_a_migration_that_is_killed_leaves_the_database_as_it_was(blank: Store, empty_url: str) -> None:
    """It is held up in the middle, with its work half done, and killed without a word."""
    await schema.migrate(blank, schema.HEAD)
    await _fill(blank)
    before = await _contents(blank)
    program = (
        "import asyncio, sys, time\n"
        "from sqlalchemy import event\n"
        "from service.store import schema\n"
        "from service.store.database import open_store\n"
        "store = open_store(sys.argv[1], patience_s=60.0)\n"
        "def hold(connection, cursor, statement, *rest):\n"
        "    if 'DROP TABLE sets' in statement:\n"
        "        print('half way', flush=True)\n"
        "        time.sleep(60)\n"
        "event.listen(store.engine.sync_engine, 'after_cursor_execute', hold)\n"
        "asyncio.run(schema.migrate(store, schema.EMPTY))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program, empty_url], stdout=subprocess.PIPE, cwd=Path.cwd())
    assert process.stdout is not None
    assert process.stdout.readline() == b"half way\n"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert await schema.revision_of(blank) == schema.HEAD
    assert await _contents(blank) == before
    await schema.migrate(blank, schema.EMPTY)


def test_every_migration_is_a_known_schema() -> None:
    """In the order that one builds on the other, with a way back."""
    scripts = ScriptDirectory(str(MIGRATIONS))
    assert tuple(script.revision for script in reversed(list(scripts.walk_revisions()))) == schema.REVISIONS
