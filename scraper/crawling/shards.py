"""Posts in files that grow line by line and survive whatever happens to the process that writes them.

The order of writes is: picture (whole, under a name that follows from the post), then the line, flushed to the disk,
then the frontier's note that the post is written and how long the shard is. A kill between any two of them leaves
either a picture that is found again, or a line that the note does not know. So on opening, a shard whose length is not
the noted one is read: complete lines count, whoever noted them; a torn last line is cut off, its post still waits in
the frontier; posts whose lines are gone are fetched again.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from core.atomic import storage_errors, sync_folder
from core.errors import DataError
from core.posts import parse_line, post_line
from scraper.crawling.frontier import Frontier

LOGGER = logging.getLogger(__name__)

FOLDER = "posts"
MAX_SHARD_BYTES = 64 * 1024 * 1024
_CHUNK = 1 << 20


class Shards:
    """The shards of one source in one corpus; opening them makes them and the frontier agree.

    Args:
        corpus: the folder; ``posts`` is made in it.
        source: the source's name, first part of each shard's.
        frontier: of the same source and corpus.
        max_bytes: a shard that is longer gets no further line.

    Attributes:
        repaired: what was found wrong on opening, one sentence each.

    Raises:
        StorageError: a shard cannot be read or written.
        DataError: the folder or a shard is a link that leads elsewhere.
    """

    def __init__(self, corpus: Path, source: str, frontier: Frontier, *, max_bytes: int = MAX_SHARD_BYTES) -> None:
        self._source = source
        self._frontier = frontier
        self._max_bytes = max_bytes
        self.folder = corpus / FOLDER
        with storage_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        _demand_no_link(self.folder)
        self.repaired: list[str] = []
        noted = frontier.shard_bytes()
        for path in shard_files(self.folder, source):
            _demand_no_link(path)
            if noted.pop(path.name, -1) != path.stat().st_size:
                self._reconcile(path)
        for gone in sorted(noted):
            self._lose(gone, frontier.written_in(gone), 0)

    def append(self, records: Sequence[dict[str, Any]]) -> None:
        """Write posts (as they stand in a line, with ``id`` and, where there is one, ``image``) and note them.

        Raises:
            StorageError: there is no room; then none of the posts counts as written.
        """
        if not records:
            return
        path = self._current()
        lines = b"".join(post_line(record) for record in records)
        with storage_errors(path):
            new = not path.exists()
            length = _append(path, lines)
            if new:
                sync_folder(self.folder)
        self._frontier.written([(self._own_id(record), "image" in record) for record in records], path.name, length)

    def _current(self) -> Path:
        files = shard_files(self.folder, self._source)
        if files and files[-1].stat().st_size < self._max_bytes:
            return files[-1]
        number = _number(files[-1]) + 1 if files else 1
        return self.folder / f"{self._source}-{number:05d}.jsonl"

    def _reconcile(self, path: Path) -> None:
        """Make what is noted of a shard agree with what stands in it."""
        with storage_errors(path):
            kept = _cut_torn_line(path)
            if kept is not None:
                self._report(f"{path.name}: its last line was torn and is cut off; the post is taken again")
            present: dict[str, bool] = {}
            for record in _records(path):
                present.setdefault(self._own_id(record), "image" in record)
            length = path.stat().st_size
        missing = self._frontier.written_in(path.name) - set(present)
        self._frontier.written(sorted(present.items()), path.name, length)
        self._lose(path.name, missing, length)

    def _lose(self, name: str, missing: set[str], length: int) -> None:
        if missing:
            self._report(f"{name}: {len(missing):,} posts are gone from it and are fetched again")
            self._frontier.lost(sorted(missing))
        if length == 0:
            self._frontier.written([], name, 0)

    def _report(self, message: str) -> None:
        LOGGER.warning("%s", message)
        self.repaired.append(message)

    def _own_id(self, record: dict[str, Any]) -> str:
        return str(record.get("id", "")).removeprefix(f"{self._source}:")


def shard_files(folder: Path, source: str) -> list[Path]:
    """Return a source's shards in the order in which they were begun."""
    mine = re.compile(re.escape(source) + r"-\d{5,}\.jsonl")
    return sorted((path for path in folder.glob("*.jsonl") if mine.fullmatch(path.name)), key=_number)


def _number(path: Path) -> int:
    return int(path.stem.rpartition("-")[2])


def _append(path: Path, lines: bytes) -> int:
    """Add lines to a file, all of them or none, and return its length then."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    try:
        before = os.fstat(descriptor).st_size
        try:
            left = memoryview(lines)
            while left:
                left = left[os.write(descriptor, left) :]
            os.fsync(descriptor)
        except BaseException:
            os.ftruncate(descriptor, before)
            raise
        return before + len(lines)
    finally:
        os.close(descriptor)


def _records(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a shard's lines; lines that hold none are left to those who read posts."""
    with path.open("rb") as file:
        for line in file:
            try:
                record = parse_line(line)
            except ValueError:
                continue
            if "id" in record:
                yield record


def _cut_torn_line(path: Path) -> int | None:
    """Cut off what stands behind the last line end, and return the new length; None when nothing does.

    A last line that lacks only its end gets it.
    """
    size = path.stat().st_size
    with path.open("r+b") as file:
        at, tail = size, b""
        while at > 0 and b"\n" not in tail:
            step = min(_CHUNK, at)
            at -= step
            file.seek(at)
            tail = file.read(step) + tail
        end = at + tail.rfind(b"\n") + 1
        if end == size:
            return None
        try:
            whole = isinstance(json.loads(tail[tail.rfind(b"\n") + 1 :]), dict)
        except ValueError:
            whole = False
        if whole:
            file.seek(size)
            file.write(b"\n")
        else:
            file.truncate(end)
        file.flush()
        os.fsync(file.fileno())
        return None if whole else end


def _demand_no_link(path: Path) -> None:
    if path.is_symlink():
        raise DataError(f"{path} is a link that leads elsewhere; posts lie in the corpus itself")
