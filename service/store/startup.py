"""What is seen to before the service listens: the database is there, has the right schema, and has keys or none."""

from __future__ import annotations

import asyncio

from service.settings import Settings
from service.store.engine import open_store
from service.store.key_ring import KeyRing
from service.store.schema import ensure

PATIENCE_S = 60.0
"""How long a SQLite file's upgrade may take, or another process's that came first."""


def prepare_store(settings: Settings) -> bool:
    """Return whether any key was ever made; a SQLite file is made or brought to this version's schema first.

    Raises:
        InvalidOption: the database's address cannot be read.
        StoreUnavailable: the database cannot be reached.
        StoreMismatch: its schema is not the one that this version knows, and what to do about it.
        StorageError: a database file cannot be made.
    """
    return asyncio.run(_prepare(settings))


async def _prepare(settings: Settings) -> bool:
    store = open_store(settings.database, password_file=settings.database_password_file, patience_s=PATIENCE_S)
    try:
        await ensure(store)
        return await KeyRing(store).any_key()
    finally:
        await store.close()
