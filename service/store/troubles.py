"""Why a database cannot be used, said to the operator; never in the driver's words, which may hold values."""

from __future__ import annotations

import socket
import sqlite3
from collections.abc import Iterator

import asyncpg
from sqlalchemy import URL

from service.settings import PREFIX

_ANOTHER = f"name another: {PREFIX}DATABASE"
_SQLITE = {
    sqlite3.SQLITE_NOTADB: f"is no SQLite database: move the file away and it is made anew, or {_ANOTHER}",
    sqlite3.SQLITE_CORRUPT: f"is damaged: put a backup in its place, or {_ANOTHER}",
    sqlite3.SQLITE_CANTOPEN: f"cannot be opened: see that the file and its folder are this account's, or {_ANOTHER}",
    sqlite3.SQLITE_READONLY: "cannot be written to: see that the file, its folder and the -wal and -shm beside it are"
    f" this account's, or {_ANOTHER}",
    sqlite3.SQLITE_BUSY: "is held by another process: see which one has the file open, and try again",
    sqlite3.SQLITE_FULL: "has no room left: free some space on its disk",
}
_PRIMARY = 0xFF
"""The bits of SQLite's extended result codes that name the kind."""
_POSTGRESQL: tuple[tuple[type[BaseException], str], ...] = (
    (
        asyncpg.InvalidAuthorizationSpecificationError,
        f"does not let this user in: see to the user's name and the password ({PREFIX}DATABASE_PASSWORD_FILE)",
    ),
    (asyncpg.InvalidCatalogNameError, f"is not on that server: make it there, or {_ANOTHER}"),
    (asyncpg.InsufficientPrivilegeError, "does not let this user do that: make the user the database's owner"),
    (asyncpg.UndefinedTableError, "lacks a table of ours: put a backup in its place"),
    (asyncpg.TooManyConnectionsError, "has no connection left: allow it more, or run fewer workers"),
    (asyncpg.CannotConnectNowError, "is starting or stopping: try again"),
    (socket.gaierror, f"cannot be reached, as its host's name is unknown: correct it in {PREFIX}DATABASE"),
    (ConnectionRefusedError, f"cannot be reached, as nothing listens there: see that it runs, or {_ANOTHER}"),
    (TimeoutError, f"cannot be reached, or does not answer in time: see that it runs, or {_ANOTHER}"),
)


def explain(error: BaseException, url: URL) -> str:
    """Return what is wrong with the database at ``url`` and what to do; its password is not in it."""
    shown = url.set(drivername=url.get_backend_name()).render_as_string(hide_password=True)
    return f"the database {shown} {_what(error)}"


def _what(error: BaseException) -> str:
    for cause in _causes(error):
        code = getattr(cause, "sqlite_errorcode", None)
        if isinstance(code, int) and code & _PRIMARY in _SQLITE:
            return _SQLITE[code & _PRIMARY]
        for kind, what in _POSTGRESQL:
            if isinstance(cause, kind):
                return what
    return f"cannot be reached or used: see that it runs, or {_ANOTHER}"


def first_cause(error: BaseException) -> BaseException:
    """Return what an error goes back to; of a timeout that is itself, not the cancelling that it is made of."""
    *_, first = (cause for cause in _causes(error) if isinstance(cause, Exception))
    return first


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what it came from: SQLAlchemy keeps the driver's own in ``orig``."""
    while error is not None:
        yield error
        error = getattr(error, "orig", None) or error.__cause__
