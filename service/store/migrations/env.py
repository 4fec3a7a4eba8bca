"""What Alembic runs: on the connection that ``service/store/schema.py`` hands over, in its transaction."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

from service.store.tables import METADATA


def _run(connection: Connection) -> None:
    # SQLite's DDL takes part in transactions as well once BEGIN is said out loud, as the engine here does.
    context.configure(connection=connection, target_metadata=METADATA, transactional_ddl=True)
    with context.begin_transaction():
        context.run_migrations()


_run(context.config.attributes["connection"])
