"""Takes pictures out of a folder in a way that can be taken back, whatever happens in between.

Beside ``FOLDER`` stands ``FOLDER.quarantine`` with one numbered folder a time that pictures were moved. Its journal is
on the disk before the first picture moves and says what was meant; a move is one rename. So whoever is killed in the
middle leaves every picture in one of two places, and the next call goes on from there. ``labels.csv`` loses the lines
of what was moved, and its old bytes are kept beside the journal.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from core.atomic import storage_errors, sync_folder, write_atomic
from core.errors import DataError, StorageError
from core.locks import hold_lock
from models.labelled.topic_folder import LABELS_FILE

JOURNAL = "journal.json"
FORMAT = "tagsmith quarantine"
APPLYING, APPLIED, UNDOING = "applying", "applied", "undoing"

Move = Callable[[Path, Path], None]


@dataclass(frozen=True, slots=True)
class Journal:
    """What one numbered folder holds.

    Attributes:
        state: whether pictures are being moved, were moved, or are being moved back.
        paths: of the pictures, relative to the folder they are from.
        labels_after: SHA-256 of ``labels.csv`` without their lines, or None where there is none.
    """

    state: str
    paths: tuple[str, ...]
    labels_after: str | None


class Quarantine:
    """The quarantine of one folder of labelled pictures."""

    def __init__(self, folder: Path, *, move: Move = os.rename) -> None:
        """Touch nothing yet; ``move`` renames a file."""
        self.folder = folder.resolve()
        self.place = self.folder.with_name(self.folder.name + ".quarantine")
        self._move = move

    def apply(self, paths: Sequence[str]) -> Path:
        """Move pictures out and return where they are now.

        Args:
            paths: of the pictures, relative to the folder.

        Raises:
            DataError: a picture is not there; nothing was moved.
            StorageError: the place cannot be written, or lies on another disk; call :meth:`undo` or this again.
        """
        with storage_errors(self.place):
            self.place.mkdir(exist_ok=True)
        if self.place.stat().st_dev != self.folder.stat().st_dev:
            raise StorageError(
                f"{self.place} lies on another disk than {self.folder}; move the folder, so that both fit"
            )
        with hold_lock(self.place / "lock"):
            self._finish()
            gone = [path for path in paths if not (self.folder / path).is_file()]
            if gone:
                raise DataError(f"{self.folder / gone[0]} is not there any more; look for outliers again")
            run = self._next_run()
            with storage_errors(run):
                run.mkdir()
            self._write(run, Journal(APPLYING, tuple(paths), self._keep_labels(run, paths)))
            self._go_on(run)
            return run

    def undo(self) -> tuple[int, Path]:
        """Move back what was moved last and return how many pictures, and where they had been.

        Raises:
            DataError: nothing was moved, or another file has taken a picture's place; nothing was moved back then.
            StorageError: the folder cannot be written; call it again.
        """
        runs = self._runs()
        if not runs:
            raise DataError(f"nothing is in quarantine for {self.folder}")
        with hold_lock(self.place / "lock"):
            run = runs[-1]
            journal = self._read(run)
            taken = [path for path in journal.paths if _is_at(run / path) and _is_at(self.folder / path)]
            if taken:
                raise DataError(f"{self.folder / taken[0]} is there again; move it away, then undo")
            self._write(run, Journal(UNDOING, journal.paths, journal.labels_after))
            self._go_on(run)
        if not self._runs():
            with suppress(OSError):
                (self.place / "lock").unlink()
                self.place.rmdir()
        return len(journal.paths), run

    def _finish(self) -> None:
        """Bring to its end what a killed call left in the middle."""
        runs = self._runs()
        if runs and self._read(runs[-1]).state != APPLIED:
            self._go_on(runs[-1])

    def _go_on(self, run: Path) -> None:
        """Do what is left of what the journal says; harmless when nothing is."""
        journal = self._read(run)
        undoing = journal.state == UNDOING
        if not undoing:
            # The lines first: a folder whose labels name a missing picture cannot be read.
            self._drop_labels(journal)
        for path in journal.paths:
            here, there = self.folder / path, run / path
            source, target = (there, here) if undoing else (here, there)
            with storage_errors(target):
                if _is_at(source) and not _is_at(target):
                    target.parent.mkdir(parents=True, exist_ok=True)
                    self._move(source, target)
                    sync_folder(target.parent)
        if undoing:
            self._restore_labels(run, journal)
            self._remove(run, journal)
        else:
            self._write(run, Journal(APPLIED, journal.paths, journal.labels_after))

    def _keep_labels(self, run: Path, paths: Sequence[str]) -> str | None:
        labels = self.folder / LABELS_FILE
        if not labels.is_file():
            return None
        content = labels.read_bytes()
        write_atomic(run / LABELS_FILE, content)
        return _hash(_without(content, set(paths))[0])

    def _drop_labels(self, journal: Journal) -> None:
        labels = self.folder / LABELS_FILE
        if journal.labels_after is not None and labels.is_file():
            content = labels.read_bytes()
            shorter, dropped = _without(content, set(journal.paths))
            if dropped:
                write_atomic(labels, shorter)

    def _restore_labels(self, run: Path, journal: Journal) -> None:
        """Give back the old bytes; where the labels changed since, the old lines are added at their end."""
        kept, labels = run / LABELS_FILE, self.folder / LABELS_FILE
        if journal.labels_after is None or not kept.is_file():
            return
        before = kept.read_bytes()
        now = labels.read_bytes() if labels.is_file() else b""
        if now == before or _hash(now) == journal.labels_after or not now:
            write_atomic(labels, before)
            return
        lines = _without(before, set(journal.paths))[1]
        there = set(_without(now, set(journal.paths))[1])
        missing = b"".join(line for line in lines if line not in there)
        write_atomic(labels, now + (b"" if now.endswith(b"\n") else b"\n") + missing)

    def _remove(self, run: Path, journal: Journal) -> None:
        with storage_errors(run):
            (run / LABELS_FILE).unlink(missing_ok=True)
            for path in journal.paths:
                for folder in (run / path).parents:
                    if folder == run:
                        break
                    with suppress(OSError):  # not empty, or gone with an earlier picture
                        folder.rmdir()
            (run / JOURNAL).unlink()
            run.rmdir()

    def _runs(self) -> list[Path]:
        return sorted(path.parent for path in self.place.glob(f"*/{JOURNAL}"))

    def _next_run(self) -> Path:
        for path in self.place.iterdir():
            if path.name.isdigit() and not (path / JOURNAL).is_file():
                # Begun and never written down: nothing moved into it.
                with storage_errors(path):
                    for left in (path / LABELS_FILE, *path.glob(".*.tmp")):
                        left.unlink(missing_ok=True)
                    path.rmdir()
        taken = [int(path.name) for path in self.place.iterdir() if path.name.isdigit()]
        return self.place / f"{max(taken, default=0) + 1:04d}"

    def _write(self, run: Path, journal: Journal) -> None:
        content = {
            "format": FORMAT,
            "state": journal.state,
            "labels_after": journal.labels_after,
            "paths": list(journal.paths),
        }
        write_atomic(run / JOURNAL, json.dumps(content, indent=1, ensure_ascii=False) + "\n")

    def _read(self, run: Path) -> Journal:
        try:
            raw = json.loads((run / JOURNAL).read_text("utf-8"))
            paths = tuple(map(str, raw["paths"]))
            if raw["format"] != FORMAT or raw["state"] not in (APPLYING, APPLIED, UNDOING):
                raise ValueError("of another format")
            if any(PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts for path in paths):
                raise ValueError("a path leads out of the folder")
            return Journal(raw["state"], paths, raw["labels_after"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            why = f"{run / JOURNAL} is damaged ({error})"
            raise DataError(f"{why}; the pictures lie beside it, move them back by hand") from error


def _is_at(path: Path) -> bool:
    return os.path.lexists(path)


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _without(content: bytes, paths: set[str]) -> tuple[bytes, list[bytes]]:
    """Return a CSV without the records of ``paths``, all other bytes as they were, and the records left out."""
    lines = content.decode("utf-8").splitlines(keepends=True)
    reader = csv.reader(io.StringIO("".join(lines), newline=""))
    kept: list[str] = []
    dropped: list[bytes] = []
    column, start = -1, 0
    for record in reader:
        raw = "".join(lines[start : reader.line_num])
        start = reader.line_num
        if column < 0:
            column = record.index("path")
        elif column < len(record) and PurePosixPath(record[column]).as_posix() in paths:
            dropped.append(raw.encode())
            continue
        kept.append(raw)
    return "".join(kept).encode(), dropped
