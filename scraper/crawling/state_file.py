"""The SQLite file of a corpus's crawls: its tables, its transactions, its errors."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any

from core.errors import DataError, StorageError

VERSION = 1

_SCHEMA = """
CREATE TABLE IF NOT EXISTS target (
    id INTEGER PRIMARY KEY, source TEXT NOT NULL, kind TEXT NOT NULL, value TEXT NOT NULL, cursor TEXT NOT NULL,
    topic TEXT, query_tag TEXT, depth INTEGER NOT NULL, state TEXT NOT NULL DEFAULT 'pending',
    attempts INTEGER NOT NULL DEFAULT 0, not_before REAL NOT NULL DEFAULT 0, reason TEXT,
    UNIQUE (source, kind, value, cursor));
CREATE INDEX IF NOT EXISTS target_state ON target (source, state, attempts, id);
CREATE TABLE IF NOT EXISTS post (
    source TEXT NOT NULL, post_id TEXT NOT NULL, state TEXT NOT NULL, target INTEGER, topic TEXT, query_tag TEXT,
    record TEXT, pictures TEXT, shard TEXT, pictured INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (source, post_id));
CREATE INDEX IF NOT EXISTS post_waiting ON post (source, state) WHERE state = 'waiting';
CREATE TABLE IF NOT EXISTS shard (name TEXT PRIMARY KEY, source TEXT NOT NULL, n_bytes INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS forgotten (
    kind TEXT NOT NULL, hash TEXT NOT NULL, author TEXT, PRIMARY KEY (kind, hash)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS host (name TEXT PRIMARY KEY, not_before REAL NOT NULL);
"""


class StateFile:
    """One open file, made when it is not there. Times in it are seconds since 1970.

    Raises:
        StorageError: it cannot be written.
        DataError: it is damaged, or of another version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._errors():
            self._sql = sqlite3.connect(path, isolation_level=None, timeout=30.0)
            try:
                self._sql.execute("PRAGMA journal_mode = WAL")
                self._sql.execute("PRAGMA synchronous = FULL")
                found = int(self._sql.execute("PRAGMA user_version").fetchone()[0])
                if found not in (0, VERSION):
                    raise DataError(f"{path} is of version {found}, this program reads {VERSION}; use another --out")
                self._sql.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")
            except BaseException:
                self._sql.close()
                raise

    def close(self) -> None:
        """Close the file."""
        self._sql.close()

    def vacuum(self) -> None:
        """Write the file anew, so that nothing deleted is left in it."""
        with self._errors():
            self._sql.execute("VACUUM")
            self._sql.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def rows(self, query: str, values: Sequence[object] = ()) -> list[Any]:
        """Return the rows of a query."""
        with self._errors(), closing(self._sql.execute(query, values)) as cursor:
            return cursor.fetchall()

    def row(self, query: str, values: Sequence[object] = ()) -> Any:
        """Return the first row of a query, or None."""
        rows = self.rows(query, values)
        return rows[0] if rows else None

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Run the block as one transaction: all of it is on the disk afterwards, or nothing."""
        with self._errors():
            self._sql.execute("BEGIN IMMEDIATE")
            try:
                yield self._sql
                self._sql.execute("COMMIT")
            except BaseException:
                if self._sql.in_transaction:
                    self._sql.execute("ROLLBACK")
                raise

    def _errors(self) -> AbstractContextManager[None]:
        return _sqlite_errors(self.path)


@contextmanager
def _sqlite_errors(path: Path) -> Iterator[None]:
    """Turn what SQLite raises into an error that names the file and says what to do."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorname", "").startswith("SQLITE_FULL"):
            raise StorageError(
                f"no room left to write {path}; free some space and run it again: nothing is lost"
            ) from error
        raise StorageError(f"cannot write {path} ({error}); check the disk and that the folder is yours") from error
    except sqlite3.DatabaseError as error:
        raise DataError(
            f"{path} is damaged ({error}); move it away and run it again: what is collected is read from the shards, "
            "and pages are fetched anew"
        ) from error
