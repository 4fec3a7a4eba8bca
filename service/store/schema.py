"""Which schema a database has, and the way to the one that this version knows.

A SQLite file is upgraded when the service starts: it belongs to this machine alone. PostgreSQL is upgraded by a
command of its own: replicas of the version before may still be running on it, an operator wants a backup first, and
the service's own role need not be allowed to change tables.
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
"""A database without any of our tables, as Alembic calls it."""
PATIENCE_S = 600.0
"""How long a migration may take."""
_FOLDER = Path(__file__).resolve().parent / "migrations"
_LOCK = 7_281_964_301
"""Any number that nobody else locks in the same database."""


async def revision_of(store: Store) -> str:
    """Return which schema a database has: one of ``REVISIONS``, ``EMPTY``, or a name that is not known here.

    Raises:
        StoreUnavailable: the database is away.
        StoreMismatch: it holds tables of ours, and nothing says which version of them.
    """
    async with store.transaction() as connection:
        return await connection.run_sync(_revision)


async def ensure(store: Store) -> None:
    """Return once the database has the schema that this version knows; a SQLite file is brought there.

    Raises:
        StoreUnavailable: the database is away.
        StoreMismatch: it has another schema, and what to do about it.
        StorageError: the folder of a database file cannot be made.
    """
    store.make_folder()
    found = await revision_of(store)
    if found == HEAD:
        return
    if found not in (EMPTY, *REVISIONS):
        raise StoreMismatch(
            f"the database has schema {found}, and this version of tagsmith knows none after {HEAD}: run the newer"
            f" version that made it, or there: tagsmith store downgrade --to {HEAD}"
        )
    if store.kind != "sqlite":
        state = "is empty" if found == EMPTY else f"has schema {found}"
        raise StoreMismatch(f"the database {state} and {HEAD} is needed: run tagsmith store upgrade")
    await migrate(store, HEAD)


async def migrate(store: Store, to: str) -> tuple[str, str]:
    """Bring a database to a schema, forward or back, whole or not at all; return the schema before and after.

    Raises:
        InvalidOption: there is no such schema.
        StoreUnavailable: the database is away; nothing changed.
        StoreMismatch: it has a schema that is not known here.
        StorageError: the folder of a database file cannot be made.
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
    # Slow to import, and a service whose database is up to date needs none of it.
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
            f"the database holds {', '.join(sorted(ours))} and nothing says of which version: name another database"
        )
    return EMPTY
