"""The database as commands use it, and as it has to be before the service listens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from core.errors import StoreUnavailable
from service.settings import Settings
from service.store.engine import Store, open_store
from service.store.key_ring import KeyRing
from service.store.schema import ensure
from service.store.spool import Spool
from service.store.troubles import explain

UPGRADE_S = 60.0
"""How long a SQLite file's upgrade may take, or another process's that came first."""


@asynccontextmanager
async def store_of(settings: Settings, *, patience_s: float | None = None) -> AsyncIterator[Store]:
    """Yield the store that ``settings`` name, and close it.

    Raises:
        InvalidOption: the database's address cannot be read.
        StoreUnavailable: the database cannot be used; the message says which and why, without its password.
    """
    store = open_store(settings.database, password_file=settings.database_password_file, patience_s=patience_s)
    try:
        yield store
    except StoreUnavailable as error:
        raise StoreUnavailable(explain(error, store.engine.url)) from error
    finally:
        await store.close()


def prepare_store(settings: Settings) -> bool:
    """Return whether any key was made; a SQLite file is made or brought to this version's schema first.

    Raises:
        InvalidOption: the database's address cannot be read.
        StoreUnavailable: the database cannot be reached.
        StoreMismatch: its schema is not the one that this version knows, and what to do about it.
        StorageError: a database file or the spool's folder cannot be made or written to.
    """
    spool = Spool(settings.spool)
    spool.open()
    spool.close()
    return asyncio.run(_prepare(settings))


async def _prepare(settings: Settings) -> bool:
    async with store_of(settings, patience_s=UPGRADE_S) as store:
        await ensure(store)
        return await KeyRing(store).any_key()
