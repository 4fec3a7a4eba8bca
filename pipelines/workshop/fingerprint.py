"""Content hashes of the files a stage reads, computed once for each version of a file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from core.atomic import write_atomic
from core.errors import DataError
from core.hashes import file_sha256


class HashCache:
    """Remembers the SHA-256 of files by path, size and modification time.

    A file that changes without changing either of the two (a tool that restores times) counts as unchanged, as
    with ``make`` and ``rsync``.
    """

    def __init__(self, path: Path) -> None:
        """Read what an earlier run remembered; a broken or missing file only costs the hashing again."""
        self._path = path
        self._known: dict[str, list[Any]] = {}
        try:
            loaded = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return
        if isinstance(loaded, dict):
            self._known = loaded

    def sha256(self, path: Path) -> str:
        """Return the hex digest of a file's content.

        Raises:
            DataError: the file cannot be read.
        """
        try:
            stat = path.stat()
            known = self._known.get(str(path))
            if known is not None and known[:2] == [stat.st_size, stat.st_mtime_ns]:
                return str(known[2])
            digest = file_sha256(path)
        except OSError as error:
            raise DataError(f"cannot read {path}: {error.strerror}") from error
        self._known[str(path)] = [stat.st_size, stat.st_mtime_ns, digest]
        return digest

    def save(self) -> None:
        """Write what is remembered, whole or not at all."""
        write_atomic(self._path, json.dumps(self._known))


def files_below(source: Path) -> Iterator[tuple[str, Path]]:
    """Yield (name relative to ``source``, path) of a file or of every file in a folder, in a fixed order.

    Hidden files are left out: editors and desktops drop them into folders without changing the data.

    Raises:
        DataError: ``source`` does not exist.
    """
    if source.is_file():
        yield source.name, source
        return
    if not source.is_dir():
        raise DataError(f"{source} does not exist; check the path")
    for path in sorted(source.rglob("*")):
        relative = path.relative_to(source)
        if path.is_file() and not any(part.startswith(".") for part in relative.parts):
            yield relative.as_posix(), path


def fingerprint(
    parameters: object, sources: Iterable[tuple[str, Path]], upstream: Iterable[str], cache: HashCache
) -> str:
    """Return one hash of everything that a stage's result depends on.

    Args:
        parameters: anything that JSON can hold: version, seed and configuration of the stage.
        sources: (role, file or folder) pairs. Files count by role, relative name and content, so that the same data
            in another place is the same data.
        upstream: fingerprints of the stages whose results are read.
        cache: where file hashes are remembered.

    Raises:
        DataError: a source does not exist or cannot be read.
    """
    total = hashlib.sha256(json.dumps(parameters, sort_keys=True).encode())
    for role, source in sources:
        for name, path in files_below(source):
            total.update(f"\n{role}\t{name}\t{cache.sha256(path)}".encode("utf-8", "surrogateescape"))
    for mark in upstream:
        total.update(f"\n{mark}".encode())
    return total.hexdigest()
