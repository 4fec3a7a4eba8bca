"""Files in which entries wait for the database: written at once, read back by whoever comes after a crash.

Each process appends to a segment of its own and holds a lock as long as it lives. A segment is sealed before it is
carried over to the database and removed after that was committed, so a crash in between carries it over once more:
entries have ids, and one that is there already changes nothing. A line that a crash or a full disk cut short has a
wrong checksum and is passed over; whoever wrote it never said that it was kept.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.atomic import storage_errors
from core.errors import StorageError
from core.locks import Held, hold_lock

MAX_BYTES = 64_000_000
"""What one process keeps at most; beyond, nothing more is accepted."""
Entry = dict[str, Any]


class Spool:
    """The segments of one process, and those that dead ones left in the same folder. Safe to use from threads."""

    def __init__(self, folder: Path, *, max_bytes: int = MAX_BYTES) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._name = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._guard = threading.Lock()
        self._locks = contextlib.ExitStack()
        self._descriptor = -1
        self._n_segments = 0
        self._active: Path | None = None
        self._written = 0
        self._sealed: list[Path] = []

    def open(self) -> None:
        """Make the folder and lock our name.

        Raises:
            StorageError: the folder cannot be made or written to.
        """
        with storage_errors(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            # Locked before it has the name that others look for: they never find it free while we live.
            unnamed = self._folder / f"{self._name}.new"
            self._locks.enter_context(hold_lock(unnamed))
            os.rename(unnamed, self._folder / f"{self._name}.lock")

    def adopt(self) -> None:
        """Take over the segments of processes that no longer live."""
        for lock in sorted(self._folder.glob("*.lock")):
            name = lock.name.removesuffix(".lock")
            if name == self._name:
                continue
            # Who gets the lock of another has its segments to itself: they are renamed before it is let go.
            with contextlib.suppress(Held, OSError, StorageError), hold_lock(lock, wait=False):
                for segment in sorted(self._folder.glob(f"{name}.*.jsonl")):
                    ours = self._next()
                    os.replace(segment, ours)
                    with self._guard:
                        self._sealed.append(ours)
                lock.unlink(missing_ok=True)

    @property
    def n_bytes(self) -> int:
        """How much waits."""
        with self._guard:
            return self._written + sum(_size(segment) for segment in self._sealed)

    def append(self, entry: Entry, *, durable: bool) -> None:
        """Write one entry: once this returns it outlives the process, and with ``durable`` the machine.

        Raises:
            StorageError: there is no room, in the spool or on the disk.
        """
        text = json.dumps(entry, ensure_ascii=True, separators=(",", ":")).encode("ascii")
        line = b"%08x %s\n" % (zlib.crc32(text), text)
        if self.n_bytes + len(line) > self._max_bytes:
            raise StorageError("the spool is full; it empties once the database is back")
        with self._guard, storage_errors(self._folder):
            if self._descriptor < 0:
                self._active = self._next()
                self._descriptor = os.open(self._active, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                done = os.write(self._descriptor, line)
                self._written += done
                if done < len(line):
                    raise StorageError("no room left to write to the spool; free some space")
                if durable:
                    os.fsync(self._descriptor)
            except BaseException:
                # The next line must not be taken for the rest of this one.
                self._end_segment()
                raise

    def seal(self) -> list[Path]:
        """Return every segment that is complete, the one that was being written to among them, oldest first."""
        with self._guard:
            self._end_segment()
            return list(self._sealed)

    def drop(self, segment: Path) -> None:
        """Remove a sealed segment: its entries are elsewhere."""
        segment.unlink(missing_ok=True)
        with self._guard:
            self._sealed.remove(segment)

    def close(self) -> None:
        """Let go of everything; what is left is for the next process."""
        left = self.seal()
        if not left:
            with contextlib.suppress(OSError):
                (self._folder / f"{self._name}.lock").unlink()
        self._locks.close()

    def _end_segment(self) -> None:
        if self._active is not None:
            os.close(self._descriptor)
            self._sealed.append(self._active)
            self._descriptor, self._active, self._written = -1, None, 0

    def _next(self) -> Path:
        self._n_segments += 1
        return self._folder / f"{self._name}.{self._n_segments:08d}.jsonl"


def read_segment(segment: Path) -> Iterator[Entry]:
    """Yield the entries of a segment that were written whole."""
    with segment.open("rb") as file:
        for line in file:
            checksum, _, text = line.rstrip(b"\n").partition(b" ")
            if line.endswith(b"\n") and checksum == b"%08x" % zlib.crc32(text):
                yield json.loads(text)


def _size(segment: Path) -> int:
    with contextlib.suppress(OSError):
        return segment.stat().st_size
    return 0
