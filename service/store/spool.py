"""Files in which entries wait for the database; after a crash another process reads them.

Each process appends to a segment of its own and holds a lock as long as it lives. A segment is sealed before it is
moved into the database and deleted after the commit, so after a crash in between it is moved once more: entries have
ids, and one that exists already changes nothing. A line that a crash or a full disk cut short has a wrong checksum and
is skipped; its writer never reported it as kept. A folder that somebody deleted is made again.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.atomic import storage_errors, sync_folder
from core.errors import StorageError
from core.locks import Held, hold_lock
from service.observe.logs import log

MAX_BYTES = 64_000_000
"""How much one process keeps at most; beyond that, entries are refused."""
Entry = dict[str, Any]


class Spool:
    """The segments of one process, and those that it adopted from dead processes. Safe to use from threads."""

    def __init__(self, folder: Path, *, max_bytes: int = MAX_BYTES) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._name = _new_name()
        self._guard = threading.Lock()
        self._locks = contextlib.ExitStack()
        self._descriptor = -1
        self._n_segments = 0
        self._active: Path | None = None
        self._is_named_for_good = False
        self._written = 0
        self._sealed: list[Path] = []

    def open(self) -> None:
        """Create the folder and lock this process's name in it.

        Raises:
            StorageError: the folder cannot be created or written to.
        """
        with storage_errors(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            # Locked before it gets the name that others look for: while this process lives they never find it unlocked.
            unnamed = self._folder / f"{self._name}.new"
            self._locks.enter_context(hold_lock(unnamed))
            os.rename(unnamed, self._folder / f"{self._name}.lock")

    def adopt(self) -> None:
        """Take over the segments of dead processes."""
        for lock in sorted(self._folder.glob("*.lock")):
            name = lock.name.removesuffix(".lock")
            if name == self._name:
                continue
            # Whoever gets the lock of a dead process alone renames its segments, before releasing the lock.
            with contextlib.suppress(Held, OSError, StorageError), hold_lock(lock, wait=False):
                for segment in sorted(self._folder.glob(f"{name}.*.jsonl")):
                    with self._guard:
                        ours = self._next()
                        os.replace(segment, ours)
                        self._sealed.append(ours)
                lock.unlink(missing_ok=True)

    @property
    def n_bytes(self) -> int:
        """How many bytes wait for the database."""
        with self._guard:
            return self._written + sum(_size(segment) for segment in self._sealed)

    def append(self, entry: Entry, *, durable: bool) -> None:
        """Write one entry: once this returns it outlives the process, and with ``durable`` a crash of the machine.

        Raises:
            StorageError: the spool or the disk is full.
        """
        text = json.dumps(entry, ensure_ascii=True, separators=(",", ":")).encode("ascii")
        line = b"%08x %s\n" % (zlib.crc32(text), text)
        if self.n_bytes + len(line) > self._max_bytes:
            raise StorageError("the spool is full: bring the database back, which empties it")
        with self._guard, storage_errors(self._folder):
            self._make_again()
            if self._descriptor < 0:
                self._active = self._next()
                self._descriptor = os.open(self._active, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
                self._is_named_for_good = False
            try:
                done = os.write(self._descriptor, line)
                self._written += done
                if done < len(line):
                    raise StorageError("the disk of the spool is full: free some space")
                if durable:
                    os.fsync(self._descriptor)
                    if not self._is_named_for_good:
                        sync_folder(self._folder)
                        self._is_named_for_good = True
            except BaseException:
                # The next line must not be read as the rest of this one.
                self._end_segment()
                raise

    def seal(self) -> list[Path]:
        """End the segment that is being written and return all segments, oldest first."""
        with self._guard:
            self._end_segment()
            return list(self._sealed)

    def drop(self, segment: Path) -> None:
        """Delete a sealed segment, whose entries are in the database."""
        with storage_errors(segment):
            segment.unlink(missing_ok=True)
        with self._guard:
            self._sealed.remove(segment)

    def close(self) -> None:
        """Release the lock; what is left is for the next process to adopt."""
        left = self.seal()
        if not left:
            with contextlib.suppress(OSError):
                (self._folder / f"{self._name}.lock").unlink()
        self._locks.close()

    def _make_again(self) -> None:
        """Make what somebody deleted while this process uses it: the folder, the lock, the segment being written."""
        if not (self._folder / f"{self._name}.lock").exists():
            log("spool deleted", level=logging.WARNING, folder=str(self._folder))
            self._end_segment()
            # Under a new name: the lock of the old one is on a file that nobody else can find.
            self._locks.close()
            self._name = _new_name()
            self.open()
        elif self._active is not None and not _is_named(self._descriptor, self._active):
            self._end_segment()

    def _end_segment(self) -> None:
        if self._active is not None:
            os.close(self._descriptor)
            self._sealed.append(self._active)
            self._descriptor, self._active, self._written = -1, None, 0

    def _next(self) -> Path:
        self._n_segments += 1
        return self._folder / f"{self._name}.{self._n_segments:08d}.jsonl"


def read_segment(segment: Path) -> Iterator[Entry]:
    """Yield the entries of a segment that were written completely; none when somebody deleted it."""
    with contextlib.suppress(FileNotFoundError), segment.open("rb") as file:
        for line in file:
            checksum, _, text = line.rstrip(b"\n").partition(b" ")
            if line.endswith(b"\n") and checksum == b"%08x" % zlib.crc32(text):
                yield json.loads(text)


def _new_name() -> str:
    return f"{os.getpid()}-{secrets.token_hex(4)}"


def _is_named(descriptor: int, path: Path) -> bool:
    """Return whether an open file still has its name."""
    with contextlib.suppress(OSError):
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    return False


def _size(segment: Path) -> int:
    with contextlib.suppress(OSError):
        return segment.stat().st_size
    return 0
