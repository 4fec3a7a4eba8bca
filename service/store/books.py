"""Everything that is remembered, over one database: what ``app.state.books`` is."""

from __future__ import annotations

from service.settings import Settings
from service.store.engine import Store, open_store
from service.store.key_ring import KeyRing
from service.store.limits import Limits


class Books:
    """The features of the store, each with its own file.

    Attributes:
        store: transactions on the database.
        keys: who may call.
        limits: how often.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.keys = KeyRing(store)
        self.limits = Limits(store)

    async def close(self) -> None:
        """Let go of the database."""
        await self.store.close()


def open_books(settings: Settings) -> Books:
    """Return the books that ``settings`` name; nothing is connected to before it is used.

    Raises:
        InvalidOption: the database's address cannot be read.
        StorageError: the folder of a database file cannot be made.
    """
    return Books(open_store(settings.database, password_file=settings.database_password_file))
