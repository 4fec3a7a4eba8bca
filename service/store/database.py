"""The database: SQLite by default, or PostgreSQL; every failure of it ends a transaction with ``StoreUnavailable``.

A database that is away must not slow every request down. After a failure ``Store`` refuses at once, until
``StoreWatch`` finds the database back or ``PAUSE_S`` have passed. A database that may be another one than before is
refused until ``look`` has seen that it has the schema of this version. This module alone knows how to talk to both.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sqlite3
import stat
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Literal, cast

import asyncpg
from sqlalchemy import URL, Connection, Table, event, make_url, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from core.atomic import storage_errors
from core.errors import InvalidOption, StoreMismatch, StoreUnavailable
from service.observe.logs import log
from service.settings import PREFIX
from service.store.database_file import OPENED_ON, DatabaseFile, DatabaseFileGone, DatabaseFileReplaced
from service.store.tables import WORKSPACES

Kind = Literal["sqlite", "postgresql"]
DRIVERS: dict[str, str] = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}
CONNECT_S = 2.0
PATIENCE_S: dict[Kind, float] = {"sqlite": 8.0, "postgresql": 3.0}
"""How long a transaction may take in all; less than a request may. A file is slow when others write to it, a server
when it hangs."""
BUSY_SHARE = 0.6
"""Share of ``PATIENCE_S`` that may be spent waiting for another transaction's lock on the file."""
PAUSE_S = 5.0
"""How long after a failure nothing is tried. ``StoreWatch`` looks more often, so that requests need not."""
WRITE_S = 5.0
"""How long after ``Store.look`` has written something it only reads: a full disk can be read, and a change a second on
an idle machine is more than that needs."""
RETRY_AFTER_S = 1.0
OWNER_ONLY = 0o600
"""Rights of a database file, as of the spool beside it."""
AUTOCOMMIT = "tagsmith_autocommit"
"""Execution option of a SQLite connection on which no BEGIN is sent, so each statement is its own transaction."""
POOL_SIZE = 5
PROGRAM_ERRORS = (IntegrityError, ProgrammingError, DataError)
"""Errors that show a fault of this program, not of the database."""
DATABASE_SQLSTATES = {"42501", "42P01", "42703"}
"""Of those, PostgreSQL's codes for a right that was revoked, and for a table or column that is gone: faults of the
database after all. SQLite reports them as failures of the database anyway."""
LOG_AGAIN_S = 60.0
"""How long the same reason is not logged again."""
AWAY = (DBAPIError, PoolTimeout, OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)
_ANOTHER = f"name another: {PREFIX}DATABASE"
_SQLITE = {
    sqlite3.SQLITE_NOTADB: f"is not a SQLite database: move the file away, and a new one is made, or {_ANOTHER}",
    sqlite3.SQLITE_CORRUPT: f"is damaged: restore a backup, or {_ANOTHER}",
    sqlite3.SQLITE_CANTOPEN: f"cannot be opened: give this account the file and its folder, or {_ANOTHER}",
    sqlite3.SQLITE_READONLY: "cannot be written to: give this account the file, its folder and the -wal and -shm beside"
    f" it, or {_ANOTHER}",
    sqlite3.SQLITE_BUSY: "is locked by another process: end the one that has the file open, and try again",
    sqlite3.SQLITE_FULL: "has no room left: free some space on its disk",
}
_PRIMARY = 0xFF
"""The bits of SQLite's extended result codes that hold the primary code."""
_POSTGRESQL: tuple[tuple[type[BaseException], str], ...] = (
    (
        asyncpg.InvalidAuthorizationSpecificationError,
        f"refuses this user: correct the user's name and the password ({PREFIX}DATABASE_PASSWORD_FILE)",
    ),
    (asyncpg.InvalidCatalogNameError, f"is not on that server: create it there, or {_ANOTHER}"),
    (asyncpg.InsufficientPrivilegeError, "does not let this user do that: make the user the owner of the database"),
    (asyncpg.UndefinedTableError, "lacks a table that tagsmith made: restore a backup"),
    (asyncpg.TooManyConnectionsError, "has no connection left: allow more, or run fewer workers"),
    (asyncpg.CannotConnectNowError, "is starting or stopping: try again later"),
    (socket.gaierror, f"cannot be reached, because its host's name is unknown: correct it in {PREFIX}DATABASE"),
    (ConnectionRefusedError, f"cannot be reached, because nothing listens there: check that it runs, or {_ANOTHER}"),
    (TimeoutError, f"cannot be reached, or does not answer in time: check that it runs, or {_ANOTHER}"),
)


def database_url(text: str, password_file: Path | None = None) -> URL:
    """Return the URL of a database, with the driver that is used here.

    Args:
        text: ``sqlite:///var/tagsmith.db`` (three slashes: from the working folder; four: from the root) or
            ``postgresql://user@host:5432/name``.
        password_file: a file whose first line is the password, as container secrets are handed over.

    Raises:
        InvalidOption: the URL cannot be parsed or names another kind of database, or the file cannot be read.
    """
    try:
        url = make_url(text)
    except ArgumentError:
        raise InvalidOption(
            "the database is not given as a URL: write sqlite:///var/tagsmith.db or postgresql://user@host/name",
            field="database",
        ) from None
    backend = url.get_backend_name()
    if backend not in DRIVERS or (backend == "sqlite" and (not url.database or ":memory:" in url.database)):
        raise InvalidOption(
            "the database is neither a SQLite file nor PostgreSQL: write sqlite:///a/file or postgresql://user@host/name",
            field="database",
        )
    if password_file is not None:
        try:
            lines = password_file.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            raise InvalidOption(
                f"the password file {password_file} cannot be read ({reason}): correct {PREFIX}DATABASE_PASSWORD_FILE",
                field="database_password_file",
            ) from None
        url = url.set(password=lines[0].strip() if lines else "")
    return url.set(drivername=DRIVERS[backend])


class Store:
    """Transactions on one database; lives on one event loop.

    Args:
        engine: makes the connections.
        patience_s: how long one transaction may take.
        file: of a SQLite database; None for PostgreSQL.
        clock: seconds that pass.

    Attributes:
        kind: "sqlite" or "postgresql".
        accepts: called with a database that may be another one than before; raises ``StoreMismatch`` where it is not
            one of this version.
        n_failures: how often a transaction could not be begun or ended.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        patience_s: float,
        file: DatabaseFile | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.engine = engine
        self.kind = cast(Kind, engine.dialect.name)
        self.accepts: Callable[[Connection], None] = lambda _: None
        self.n_failures = 0
        self._file = file
        self._patience_s = patience_s
        self._clock = clock
        self._away_until = -1.0
        self._distrusted = False
        self._written_at = -WRITE_S
        self._logged_at: dict[str, float] = {}

    @property
    def away(self) -> bool:
        """Whether the last attempt failed so recently that none is made now, or the database may be another one."""
        return self._distrusted or self._clock() < self._away_until

    def distrust(self) -> None:
        """Refuse every transaction until ``look`` finds a database that ``accepts`` takes."""
        self._distrusted = True

    def has_file(self) -> bool:
        """Return whether the file of a SQLite database is there; True for PostgreSQL."""
        return self._file is None or self._file.exists()

    async def look(self) -> bool:
        """Return whether the database takes a transaction. It is tried even while ``away``, to find that it is back.

        Now and then, and always while ``away``, something is written: a disk that is full can still be read. The file
        is looked at too: one that was deleted still works for those who have it open.
        """
        try:
            if self._file is not None:
                await self._inspect(self._file)
            if self._distrusted:
                await self._reopen()
            writes = self.away or self._clock() - self._written_at >= WRITE_S
            # A transaction, which takes the write lock: a file that another program has locked can still be read.
            async with self._connected(even_if_away=True) as connection, connection.begin():
                await connection.execute(self._probe() if writes else select(1))
        except StoreUnavailable:
            return False
        if writes:
            self._written_at = self._clock()
        return True

    def _probe(self) -> sqlite.Insert | postgresql.Insert:
        """Return a statement that writes: how often it was looked, as the feedback version of a workspace without name.

        No caller's workspace is named so.
        """
        insert = self.insert(WORKSPACES).values(workspace="", feedback_version=1)
        return insert.on_conflict_do_update(
            index_elements=[WORKSPACES.c.workspace], set_={"feedback_version": WORKSPACES.c.feedback_version + 1}
        )

    async def _inspect(self, file: DatabaseFile) -> None:
        """Do nothing when connections are open on the file that is there, or are about to be.

        Raises:
            StoreUnavailable: there is none, or it is not a database.
        """
        try:
            await asyncio.to_thread(file.inspect)
        except DatabaseFileReplaced as error:
            self.distrust()  # what is there now is opened next
            self._failed(error)
        except DatabaseFileGone as error:
            self.distrust()
            failure = self._failed(error)
            # Now, so that what the log still holds is not written into a file that is put back later.
            await self.close()
            raise failure from error

    async def _reopen(self) -> None:
        """Close every connection, open what is there now, and trust it again when it is a database of this version.

        Raises:
            StoreUnavailable: it cannot be opened, or has another schema.
        """
        await self.close()
        if self._file is not None:
            self._file.drop_foreign_log()
        try:
            async with self._connected(even_if_away=True) as connection:
                await connection.run_sync(self.accepts)
        except StoreMismatch as error:
            raise self._failed(error) from error
        self._distrusted = False

    @asynccontextmanager
    async def statements(self) -> AsyncIterator[AsyncConnection]:
        """Yield a connection on which each statement is its own transaction.

        Raises:
            StoreUnavailable: the database cannot be reached, or does not answer in time.
        """
        async with self._connected() as connection:
            if self.kind == "sqlite":
                yield await connection.execution_options(**{AUTOCOMMIT: True})
            else:
                yield await connection.execution_options(isolation_level="AUTOCOMMIT")

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """Yield a connection in a transaction that is committed when the block ends and rolled back when it raises.

        Raises:
            StoreUnavailable: the database cannot be reached, is full, or does not answer in time; nothing is written,
                unless the connection broke while committing.
        """
        async with self._connected() as connection, connection.begin():
            yield connection

    def insert(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        """Return an INSERT that knows ``on_conflict_do_nothing`` and ``on_conflict_do_update``."""
        return sqlite.insert(table) if self.kind == "sqlite" else postgresql.insert(table)

    def make_folder(self) -> None:
        """Make the folder of a database file and the file itself, for this account alone; nothing for PostgreSQL.

        A file that others may read, as older versions made it, is closed to them: it holds key hashes and feedback.
        SQLite gives the files beside it the same rights.

        Raises:
            InvalidOption: the database's path is a folder.
            StorageError: it cannot be made.
        """
        if self.kind == "sqlite":
            file = Path(str(self.engine.url.database)).absolute()
            if file.is_dir():
                raise InvalidOption(f"{file} is a folder: name a file in it with {PREFIX}DATABASE", field="database")
            with storage_errors(file.parent):
                file.parent.mkdir(parents=True, exist_ok=True)
                with suppress(FileExistsError):
                    os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, OWNER_ONLY))
            for existing in (file, *(file.with_name(f"{file.name}-{part}") for part in ("wal", "shm", "journal"))):
                # Of another account's file nothing is changed; whether it can be used is found at its first use.
                with suppress(OSError):
                    if stat.S_IMODE(existing.stat().st_mode) & ~OWNER_ONLY:
                        existing.chmod(OWNER_ONLY)

    async def close(self) -> None:
        """Close every connection."""
        with suppress(*AWAY):
            await self.engine.dispose()

    @asynccontextmanager
    async def _connected(self, *, even_if_away: bool = False) -> AsyncIterator[AsyncConnection]:
        if self.away and not even_if_away:
            raise StoreUnavailable("The database cannot be reached.", retry_after_s=RETRY_AFTER_S)
        try:
            async with asyncio.timeout(self._patience_s), self.engine.connect() as connection:
                try:
                    self._check_file(connection)
                    yield connection
                    # Again, after the commit: what went into a file that has lost its name meanwhile is not stored.
                    self._check_file(connection)
                finally:
                    if self._distrusted:
                        await connection.invalidate()
        except AWAY as error:
            cause = first_cause(error)
            if isinstance(error, PROGRAM_ERRORS) and getattr(cause, "sqlstate", None) not in DATABASE_SQLSTATES:
                raise
            raise self._failed(error) from error
        self._away_until = -1.0

    def _check_file(self, connection: AsyncConnection) -> None:
        info = connection.sync_connection.info if connection.sync_connection is not None else {}
        if self._file is not None and OPENED_ON in info:
            try:
                self._file.compare(info[OPENED_ON])
            except OSError:
                self.distrust()
                raise

    def _failed(self, error: BaseException) -> StoreUnavailable:
        """Note that a transaction failed; return what to raise from ``error``."""
        self.n_failures += 1
        self._away_until = self._clock() + PAUSE_S
        cause = first_cause(error)
        self._log_failure(getattr(cause, "sqlite_errorname", None) or type(cause).__name__)
        # Never the driver's message: it may hold the values of a statement, or a host's name.
        return StoreUnavailable("The database cannot be reached.", retry_after_s=RETRY_AFTER_S)

    def _log_failure(self, reason: str) -> None:
        """Log why the database could not be used, at most once in ``LOG_AGAIN_S`` for each reason."""
        now = self._clock()
        if now - self._logged_at.get(reason, -LOG_AGAIN_S) >= LOG_AGAIN_S:
            self._logged_at[reason] = now
            log("store failed", level=logging.WARNING, reason=reason)


def open_store(url: str | URL, *, password_file: Path | None = None, patience_s: float | None = None) -> Store:
    """Return a store; it connects when it is first used.

    Args:
        url: as ``database_url`` reads it.
        password_file: as ``database_url`` reads it.
        patience_s: how long one transaction may take, by default ``PATIENCE_S``; a migration of a filled database takes
            longer than a request.

    Raises:
        InvalidOption: the URL or the password file cannot be read.
    """
    address = database_url(str(url), password_file) if isinstance(url, str) else url
    kind = cast(Kind, address.get_backend_name())
    patience_s = PATIENCE_S[kind] if patience_s is None else patience_s
    if kind == "sqlite":
        engine = create_async_engine(
            address, connect_args={"timeout": patience_s * BUSY_SHARE}, pool_size=POOL_SIZE, hide_parameters=True
        )
        event.listen(engine.sync_engine, "connect", _set_up_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_at_once)
        file = DatabaseFile(Path(str(address.database)).absolute())
        event.listen(engine.sync_engine, "connect", file.remember)
    else:
        file = None
        engine = create_async_engine(
            address,
            connect_args={"timeout": CONNECT_S, "command_timeout": patience_s},
            pool_size=POOL_SIZE,
            pool_timeout=CONNECT_S,
            pool_pre_ping=True,
            hide_parameters=True,
        )
    return Store(engine, patience_s=patience_s, file=file)


def _set_up_sqlite(connection: Any, _record: object) -> None:
    """Let readers and one writer work side by side, and leave transactions to ``_begin_at_once``."""
    connection.isolation_level = None
    cursor = connection.cursor()
    try:
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()  # nobody else would, and its thread would outlive the event loop
        raise
    cursor.close()


def _begin_at_once(connection: Any) -> None:
    """Take the write lock first: otherwise a transaction that reads and then writes could find it taken and fail."""
    if AUTOCOMMIT not in connection.get_execution_options():
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def explain(error: BaseException, url: URL) -> str:
    """Return what is wrong with the database at ``url`` and what to do, without its password or the driver's words."""
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
    return f"cannot be reached or used: check that it runs, or {_ANOTHER}"


def first_cause(error: BaseException) -> BaseException:
    """Return the first error in the chain of causes; of a timeout the timeout itself, not the cancellation below it."""
    *_, first = (cause for cause in _causes(error) if isinstance(cause, Exception))
    return first


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and its causes; SQLAlchemy keeps the driver's error in ``orig``."""
    while error is not None:
        yield error
        error = getattr(error, "orig", None) or error.__cause__
