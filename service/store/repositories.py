"""Everything that the service remembers, over one database: for requests, for commands, and before listening."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from core.errors import StoreUnavailable
from service.observe.logs import log
from service.settings import Settings
from service.store.database import Store, explain, open_store
from service.store.feedback import Feedback
from service.store.idempotency import IdempotencyRecords
from service.store.journal import Journal
from service.store.key_limits import KeyLimits
from service.store.key_ring import KeyRing
from service.store.schema import accept, ensure
from service.store.sets import Sets
from service.store.spool import Spool

UPGRADE_S = 60.0
"""How long the upgrade of a SQLite file may take, or waiting for another process that upgrades it."""


class Repositories:
    """One repository for each thing that is remembered; lives on one event loop.

    Attributes:
        store: transactions on the database.
        journal: suggestions and feedback on their way into the database.
        keys: who may call.
        limits: how often they may.
        feedback: what people thought of suggestions.
        sets: saved sets of hashtags.
        idempotency: answers to repeated requests.
    """

    def __init__(self, store: Store, spool: Path) -> None:
        self.store = store
        self.store.accepts = accept
        self.journal = Journal(store, spool)
        self.keys = KeyRing(store)
        self.limits = KeyLimits(store)
        self.feedback = Feedback(store, self.journal)
        self.sets = Sets(store)
        self.idempotency = IdempotencyRecords(store)

    async def begin(self) -> None:
        """Check the schema, read the keys, and begin to move what waits in the spool into the database.

        A database that is away does not stop the service from starting: it may come back. A file that is missing is
        away too: ``prepare_store`` made one, and a new one without keys would let everybody in.

        Raises:
            StoreMismatch: the schema is not the one that this version needs.
            StorageError: the folder of a database file or of the spool cannot be made.
        """
        try:
            if not self.store.has_file():
                raise StoreUnavailable("The database's file is missing.")
            await ensure(self.store)
            await self.keys.refresh()
        except StoreUnavailable:
            # Which schema it has is not known yet.
            self.store.distrust()
            log("store away", level=logging.WARNING)
        self.journal.begin()

    async def end(self) -> None:
        """Move what can be moved into the database, then close it."""
        await self.journal.end()
        await self.store.close()


def open_repositories(settings: Settings) -> Repositories:
    """Return the repositories that ``settings`` name; they connect in ``begin``.

    Raises:
        InvalidOption: the database's URL cannot be parsed.
    """
    return Repositories(open_store(settings.database, password_file=settings.database_password_file), settings.spool)


@asynccontextmanager
async def store_of(settings: Settings, *, patience_s: float | None = None) -> AsyncIterator[Store]:
    """Yield the store that ``settings`` name, and close it.

    Raises:
        InvalidOption: the database's URL cannot be parsed.
        StoreUnavailable: the database cannot be used; the message says which one and why, without its password.
    """
    store = open_store(settings.database, password_file=settings.database_password_file, patience_s=patience_s)
    try:
        yield store
    except StoreUnavailable as error:
        raise StoreUnavailable(explain(error, store.engine.url)) from error
    finally:
        await store.close()


def prepare_store(settings: Settings) -> bool:
    """Return whether any key was ever created, after creating a SQLite file or upgrading it to this version's schema.

    Raises:
        InvalidOption: the database's URL cannot be parsed.
        StoreUnavailable: the database cannot be reached.
        StoreMismatch: its schema is not the one that this version needs; the message says what to do.
        StorageError: a database file or the spool's folder cannot be created or written to.
    """
    spool = Spool(settings.spool)
    spool.open()
    spool.close()
    return asyncio.run(_prepare(settings))


async def _prepare(settings: Settings) -> bool:
    async with store_of(settings, patience_s=UPGRADE_S) as store:
        await ensure(store)
        return await KeyRing(store).any_key()
