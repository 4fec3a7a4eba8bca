"""Everything that is remembered, over one database: what ``app.state.books`` is."""

from __future__ import annotations

import logging

from core.errors import StoreUnavailable
from service.logs import log
from service.settings import Settings
from service.store.engine import Store, open_store
from service.store.key_ring import KeyRing
from service.store.limits import Limits
from service.store.schema import ensure


class Books:
    """The features of the store, each with its own file; lives on one event loop.

    Attributes:
        store: transactions on the database.
        keys: who may call.
        limits: how often.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.keys = KeyRing(store)
        self.limits = Limits(store)

    async def begin(self) -> None:
        """Look at the schema and learn the keys. A database that is away is no reason not to begin: it may come back.

        Raises:
            StoreMismatch: the schema is not the one that this version knows.
            StorageError: the folder of a database file cannot be made.
        """
        try:
            await ensure(self.store)
            await self.keys.refresh()
        except StoreUnavailable:
            log("store away", level=logging.WARNING)

    async def end(self) -> None:
        """Let go of the database."""
        await self.store.close()


def open_books(settings: Settings) -> Books:
    """Return the books that ``settings`` name; nothing is connected to before they begin.

    Raises:
        InvalidOption: the database's address cannot be read.
    """
    return Books(open_store(settings.database, password_file=settings.database_password_file))
