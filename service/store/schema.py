"""Which schema a database has, and how to bring it to the one that this version needs.

A SQLite file is upgraded when the service starts: only this machine uses it. PostgreSQL is upgraded by a command:
replicas of the previous version may still be running on it, an operator may want a backup first, and the service's
role need not be allowed to change tables.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from core.errors import InvalidOption, StoreMismatch
from service.store.database import Store
from service.store.tables import METADATA

REVISIONS = ("0001", "0002", "0003")
"""Every schema that was ever released, oldest first."""
HEAD = REVISIONS[-1]
EMPTY = "base"
"""Alembic's name for a database without any of our tables."""
PATIENCE_S = 600.0
"""How long a migration may take."""
_FOLDER = Path(__file__).resolve().parent / "migrations"
_LOCK = 7_281_964_301
"""The number of the lock that lets one migration run at a time; arbitrary."""


async def revision_of(store: Store) -> str:
    """Return which schema a database has: one of ``REVISIONS``, ``EMPTY``, or one that this version does not know.

    Raises:
        StoreUnavailable: the database is away.
        StoreMismatch: it holds tables with our names, and nothing says of which schema.
    """
    async with store.transaction() as connection:
        return await connection.run_sync(_revision)


def accept(connection: Connection) -> None:
    """Do nothing when a database has the schema that this version needs.

    Raises:
        StoreMismatch: it has another schema, or none.
    """
    found = _revision(connection)
    if found != HEAD:
        raise StoreMismatch(f"the database has schema {found} and {HEAD} is needed: run tagsmith store upgrade")


async def ensure(store: Store) -> None:
    """Return when the database has the schema that this version needs; a SQLite file is upgraded to it.

    Raises:
        StoreUnavailable: the database is away.
        StoreMismatch: it has another schema; the message says what to do.
        StorageError: the folder of a database file cannot be created.
    """
    store.make_folder()
    found = await revision_of(store)
    if found == HEAD:
        return
    if found not in (EMPTY, *REVISIONS):
        raise StoreMismatch(
            f"the database has schema {found}, and this version of tagsmith knows none after {HEAD}: run the newer"
            f" version that made it, or use that version to run: tagsmith store downgrade --to {HEAD}"
        )
    if store.kind != "sqlite":
        state = "is empty" if found == EMPTY else f"has schema {found}"
        raise StoreMismatch(f"the database {state} and {HEAD} is needed: run tagsmith store upgrade")
    await migrate(store, HEAD)


async def migrate(store: Store, to: str) -> tuple[str, str]:
    """Upgrade or downgrade a database, in one transaction; return the schema before and after.

    Raises:
        InvalidOption: there is no such schema.
        StoreUnavailable: the database is away; nothing changed.
        StoreMismatch: it has a schema that this version does not know.
        StorageError: the folder of a database file cannot be created.
    """
    if to not in (EMPTY, *REVISIONS):
        raise InvalidOption(f"there is no schema {to}: choose one of {EMPTY}, {', '.join(REVISIONS)}", field="to")
    store.make_folder()
    async with store.transaction() as connection:
        if store.kind == "postgresql":
            await connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        before = await connection.run_sync(_revision)
        if before not in (EMPTY, *REVISIONS):
            raise StoreMismatch(
                f"the database has schema {before}, which this version of tagsmith does not know: run the newer one"
            )
        await connection.run_sync(_step, before, to)
    return before, to


def _step(connection: Connection, before: str, to: str) -> None:
    # Imported here because it is slow, and a service whose database is up to date does not need it.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    order = (EMPTY, *REVISIONS)
    if order.index(to) > order.index(before):
        command.upgrade(config, to)
    elif order.index(to) < order.index(before):
        command.downgrade(config, to)


def _revision(connection: Connection) -> str:
    tables = set(inspect(connection).get_table_names())
    found = connection.scalar(text("SELECT version_num FROM alembic_version")) if "alembic_version" in tables else None  # nosec B608
    if found is not None:
        return str(found)
    ours = set(METADATA.tables) & tables
    if ours:
        raise StoreMismatch(
            f"the database holds tables named {', '.join(sorted(ours))}, and nothing says of which schema: name another"
            " database"
        )
    return EMPTY
