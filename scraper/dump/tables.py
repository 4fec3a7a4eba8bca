"""CSV and JSON lines to posts, a page at a time, each bad line on its own.

A cursor is ``byte:line``: where the page begins, and the number of that line for whoever has to look at it. A bad line
gets a target of its own, ``byte:line:1``, whose fetch raises: so it is counted and kept, and the rest of its page too.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from scraper.dump.rows import row_post
from scraper.errors import PageBroken
from scraper.port import FoundPost

ENDINGS = frozenset({".csv", ".tsv", ".jsonl", ".ndjson"})
MAX_RECORD_BYTES = 1024 * 1024
MAX_BAD = 100
"""Bad lines with which a file may begin; with more it is of another kind than its name says."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record begins.

    Attributes:
        offset: bytes from the start of the file.
        line: its number, from 1.
        alone: whether nothing but this record is wanted.
    """

    offset: int
    line: int
    alone: bool = False

    @classmethod
    def from_cursor(cls, cursor: str | None) -> Place:
        """Return the place that a cursor names; None is the start of the file."""
        if cursor is None:
            return cls(0, 1)
        offset, line, *alone = cursor.split(":")
        return cls(int(offset), int(line), bool(alone))

    def cursor(self) -> str:
        """Return this as a target's cursor."""
        return f"{self.offset}:{self.line}" + (":1" if self.alone else "")


@dataclass(frozen=True, slots=True)
class TablePage:
    """What stands at one place of a table.

    Attributes:
        posts: those of the good records.
        bad: the places of the others.
        onward: where the next page begins, None at the end.
    """

    posts: tuple[FoundPost, ...]
    bad: tuple[Place, ...]
    onward: Place | None


def read_page(path: Path, name: str, place: Place, columns: Mapping[str, str], size: int) -> TablePage:
    """Return the posts of at most ``size`` records from ``place`` on.

    Args:
        path: the table.
        name: what to call it in a message and in the ids of records without one.
        place: where to begin.
        columns: field of a post -> column or key; empty for those of docs/data.md.
        size: records a page.

    Raises:
        PageBroken: the record that is wanted alone is no post, or the file begins with too many that are none; the
            message names the file and the line.
    """
    posts: list[FoundPost] = []
    bad: list[Place] = []
    at = place
    with path.open("rb") as file:
        table = _Csv(file, name) if PurePosixPath(name).suffix in (".csv", ".tsv") else _JsonLines(file, name)
        at = table.start(place)
        for _ in range(1 if place.alone else size):
            try:
                record, after = table.record(at)
                if record is None:
                    return TablePage(tuple(posts), tuple(bad), None)
                if record:
                    posts.append(row_post(record, columns, name))
            except ValueError as problem:
                if place.alone or (place.offset == 0 and not posts and len(bad) == MAX_BAD):
                    raise PageBroken(f"{name}, line {at.line}: {problem}") from problem
                bad.append(Place(at.offset, at.line, alone=True))
                after = table.next_line(at)
            at = after
    return TablePage(tuple(posts), tuple(bad), None if place.alone else at)


class _JsonLines:
    def __init__(self, file: IO[bytes], name: str) -> None:
        self._file = file

    def start(self, place: Place) -> Place:
        return place

    def record(self, place: Place) -> tuple[Mapping[str, Any] | None, Place]:
        """Return the record at a place (None at the end, empty for a blank line) and where the next begins."""
        self._file.seek(place.offset)
        line = self._file.readline(MAX_RECORD_BYTES + 1)
        after = Place(place.offset + len(line), place.line + 1)
        if not line:
            return None, after
        if len(line) > MAX_RECORD_BYTES:
            raise ValueError(f"the line is longer than {MAX_RECORD_BYTES:,} bytes")
        text = _text(line, place.offset)
        if not text.strip():
            return {}, after
        try:
            record = json.loads(text)
        except json.JSONDecodeError as error:
            raise ValueError(f"no JSON ({error.msg})") from error
        except RecursionError as error:
            raise ValueError("it is nested too deeply") from error
        if not isinstance(record, dict):
            raise ValueError("a JSON object is wanted")
        return record, after

    def next_line(self, place: Place) -> Place:
        return _next_line(self._file, place)


class _Csv:
    def __init__(self, file: IO[bytes], name: str) -> None:
        self._file = file
        self._delimiter = "\t" if name.endswith(".tsv") else ","
        try:
            header = self._row(Place(0, 1))
        except ValueError as problem:
            raise PageBroken(f"{name}, line 1: {problem}") from problem
        if header is None:
            raise PageBroken(f"{name} is empty")
        if len(header[0]) == 1 and ";" in header[0][0]:  # as spreadsheets write where the comma is the decimal point
            self._delimiter = ";"
            header = self._row(Place(0, 1))
            assert header is not None
        self._columns, self._first = [column.strip() for column in header[0]], header[1]
        if len(set(self._columns)) < len(self._columns):
            raise PageBroken(f"{name}, line 1: two columns have one name")

    def start(self, place: Place) -> Place:
        return place if place.offset else self._first

    def record(self, place: Place) -> tuple[Mapping[str, Any] | None, Place]:
        """Return the record at a place (None at the end, empty for a blank line) and where the next begins."""
        got = self._row(place)
        if got is None:
            return None, place
        row, after = got
        if not row:
            return {}, after
        if len(row) != len(self._columns):
            raise ValueError(f"{len(row)} fields where the first line names {len(self._columns)}")
        return dict(zip(self._columns, row, strict=True)), after

    def next_line(self, place: Place) -> Place:
        return _next_line(self._file, place)

    def _row(self, place: Place) -> tuple[list[str], Place] | None:
        self._file.seek(place.offset)
        lines = _Lines(self._file, place)
        try:
            row = next(csv.reader(lines, delimiter=self._delimiter, strict=True), None)
        except csv.Error as error:
            raise ValueError(f"no CSV ({error})") from error
        return None if row is None else (row, lines.after)


class _Lines:
    """The lines of one record, which quotes may spread over several."""

    def __init__(self, file: IO[bytes], place: Place) -> None:
        self._file = file
        self._start = place.offset
        self.after = place

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._file.readline(MAX_RECORD_BYTES + 1)
        if not line:
            raise StopIteration
        begins = self.after.offset
        self.after = Place(begins + len(line), self.after.line + 1)
        if self.after.offset - self._start > MAX_RECORD_BYTES:
            raise ValueError(f"the record is longer than {MAX_RECORD_BYTES:,} bytes; is a quote left open?")
        return _text(line, begins)


def _text(line: bytes, offset: int) -> str:
    if offset == 0 and line.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ValueError("not UTF-8 but UTF-16; save it as UTF-8")
    try:
        return line.decode("utf-8-sig" if offset == 0 else "utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 (byte {error.start + 1}); save it as UTF-8") from error


def _next_line(file: IO[bytes], place: Place) -> Place:
    file.seek(place.offset)
    offset = place.offset
    while piece := file.readline(MAX_RECORD_BYTES):
        offset += len(piece)
        if piece.endswith(b"\n"):
            break
    return Place(offset, place.line + 1)
