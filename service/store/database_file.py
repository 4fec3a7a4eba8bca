"""The file of a SQLite database: whether connections are still open on what lies under its name.

A file that was deleted, or replaced by another one, goes on working for whoever has it open, and what is written to it
is gone with the last of them. So each connection remembers the file that it was opened on.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote

OPENED_ON = "tagsmith_opened_on"
"""Under which a connection remembers the identity of its file."""

Identity = tuple[int, int, int]
"""Device and number of the file, and the number of the write-ahead log beside it (0 while there is none)."""


class DatabaseFileGone(OSError):
    """Nothing lies under the database's name any more, or what lies there is not a SQLite database."""


class DatabaseFileReplaced(OSError):
    """Another file, or another write-ahead log, lies under the database's name than a connection is open on."""


class DatabaseFile:
    """One database file and its write-ahead log, as they lie on the disk.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._log = path.with_name(f"{path.name}-wal")
        self._opened: Identity | None = None

    def exists(self) -> bool:
        """Return whether anything lies under the database's name."""
        return self._path.exists()

    def remember(self, _connection: object, record: Any) -> None:
        """Remember, with a connection that was just made, which file it is open on; a listener of SQLAlchemy's."""
        self._opened = self._identity()
        record.info[OPENED_ON] = self._opened

    def compare(self, opened_on: Identity | None) -> None:
        """Do nothing when the file that a connection was opened on still has its name.

        Raises:
            DatabaseFileGone: nothing has that name.
            DatabaseFileReplaced: another file has it, or has the name of its log.
        """
        now = self._identity()
        if now is None:
            raise DatabaseFileGone(str(self._path))
        # A file that was new had no log yet when it was opened.
        if opened_on is not None and (now[:2] != opened_on[:2] or opened_on[2] not in (0, now[2])):
            raise DatabaseFileReplaced(str(self._path))

    def inspect(self) -> None:
        """Do nothing when a SQLite database lies under the name, and it is the one that was opened last.

        Raises:
            DatabaseFileGone: there is no file, or it does not begin as a SQLite database does.
            DatabaseFileReplaced: another file has the name, or has the name of its log.
        """
        self.compare(self._opened)
        # Past the log, which may hold a whole first page of a file that somebody overwrote. SQLite opens the file,
        # because closing it by any other way would release the locks that this process holds on it.
        address = f"file:{quote(str(self._path))}?mode=ro&immutable=1"
        try:
            with contextlib.closing(sqlite3.connect(address, uri=True)) as connection:
                connection.execute("PRAGMA schema_version").fetchone()
            is_empty = self._path.stat().st_size == 0
        except (sqlite3.Error, OSError) as error:
            raise DatabaseFileGone(str(self._path)) from error
        if is_empty:
            raise DatabaseFileGone(str(self._path))

    def drop_foreign_log(self) -> None:
        """Delete the write-ahead log of a file that was replaced: SQLite would read it as the new file's.

        To be called once no connection of this process is open. A log that appeared since is left alone.
        """
        now, before = self._identity(), self._opened
        if now is not None and before is not None and now[:2] != before[:2] and now[2] == before[2] != 0:
            for path in (self._log, self._path.with_name(f"{self._path.name}-shm")):
                path.unlink(missing_ok=True)
        self._opened = None

    def _identity(self) -> Identity | None:
        try:
            file = os.stat(self._path)
        except OSError:
            return None
        try:
            log = os.stat(self._log).st_ino
        except OSError:
            log = 0
        return file.st_dev, file.st_ino, log
