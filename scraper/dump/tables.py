"""CSV and JSON lines to posts, a page at a time, each bad line on its own, through a mapping of columns.

A cursor is ``byte:line``: where the page begins, and the number of that line for whoever has to look at it. A bad line
gets a target of its own, ``byte:line:1``, whose fetch raises: so it is counted and kept, and the rest of its page too.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import IO, Any

from core.errors import InvalidOption
from scraper.errors import PageBroken
from scraper.port import FoundPost

ENDINGS = frozenset({".csv", ".tsv", ".jsonl", ".ndjson"})
MAX_RECORD_BYTES = 1024 * 1024
MAX_BAD = 100
"""Bad lines with which a file may begin; with more it is of another kind than its name says."""

FIELDS = tuple(field.name for field in fields(FoundPost))
DATA_COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "post_id": "id",
        "caption": "caption",
        "author": "author",
        "time": "time",
        "hashtags": "hashtags",
        "pictures": "image",
        "licence": "licence",
        "attribution": "attribution",
    }
)
"""The columns of docs/data.md, which hold when none are named."""

_SEPARATORS = re.compile(r"[\s,;|#＃]+")


@dataclass(frozen=True, slots=True)
class RecordStart:
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
    def from_cursor(cls, cursor: str | None) -> RecordStart:
        """Return what a cursor names; None is the start of the file."""
        if cursor is None:
            return cls(0, 1)
        offset, line, *alone = cursor.split(":")
        return cls(int(offset), int(line), bool(alone))

    def cursor(self) -> str:
        """Return this as a target's cursor."""
        return f"{self.offset}:{self.line}" + (":1" if self.alone else "")


@dataclass(frozen=True, slots=True)
class TablePage:
    """The records of one page of a table.

    Attributes:
        posts: those of the good records.
        bad: where the others begin.
        onward: where the next page begins, None at the end.
    """

    posts: tuple[FoundPost, ...]
    bad: tuple[RecordStart, ...]
    onward: RecordStart | None


def read_page(path: Path, name: str, start: RecordStart, columns: Mapping[str, str], size: int) -> TablePage:
    """Return the posts of at most ``size`` records from ``start`` on.

    Args:
        path: the table.
        name: what to call it in a message and in the ids of records without one.
        start: where to begin.
        columns: field of a post -> column or key; empty for those of docs/data.md.
        size: records a page.

    Raises:
        PageBroken: the record that is wanted alone is not a post, or the file begins with too many bad records; the
            message names the file and the line.
    """
    posts: list[FoundPost] = []
    bad: list[RecordStart] = []
    at = start
    with path.open("rb") as file:
        table = _Csv(file, name) if PurePosixPath(name).suffix in (".csv", ".tsv") else _JsonLines(file)
        at = table.first(start)
        for _ in range(1 if start.alone else size):
            try:
                record, after = table.record(at)
                if record is None:
                    return TablePage(tuple(posts), tuple(bad), None)
                if record:
                    posts.append(row_post(record, columns, name))
            except ValueError as problem:
                if start.alone or (start.offset == 0 and not posts and len(bad) == MAX_BAD):
                    raise PageBroken(f"{name}, line {at.line}: {problem}") from problem
                bad.append(RecordStart(at.offset, at.line, alone=True))
                after = _next_line(file, at)
            at = after
    return TablePage(tuple(posts), tuple(bad), None if start.alone else at)


class _JsonLines:
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def first(self, start: RecordStart) -> RecordStart:
        return start

    def record(self, start: RecordStart) -> tuple[Mapping[str, Any] | None, RecordStart]:
        """Return a record (None at the end, empty for a blank line) and where the next begins."""
        self._file.seek(start.offset)
        line = self._file.readline(MAX_RECORD_BYTES + 1)
        after = RecordStart(start.offset + len(line), start.line + 1)
        if not line:
            return None, after
        if len(line) > MAX_RECORD_BYTES:
            raise ValueError(f"the line is longer than {MAX_RECORD_BYTES:,} bytes")
        text = _text(line, start.offset)
        if not text.strip():
            return {}, after
        try:
            record = json.loads(text)
        except json.JSONDecodeError as error:
            raise ValueError(f"not JSON ({error.msg})") from error
        except RecursionError as error:
            raise ValueError("it is nested too deeply") from error
        if not isinstance(record, dict):
            raise ValueError("it is not a JSON object")
        return record, after


class _Csv:
    def __init__(self, file: IO[bytes], name: str) -> None:
        self._file = file
        self._delimiter = "\t" if name.endswith(".tsv") else ","
        try:
            header = self._row(RecordStart(0, 1))
        except ValueError as problem:
            raise PageBroken(f"{name}, line 1: {problem}") from problem
        if header is None:
            raise PageBroken(f"{name} is empty")
        if len(header[0]) == 1 and ";" in header[0][0]:  # as spreadsheets write where the comma is the decimal point
            self._delimiter = ";"
            header = self._row(RecordStart(0, 1))
            assert header is not None
        self._columns, self._first = [column.strip() for column in header[0]], header[1]
        if len(set(self._columns)) < len(self._columns):
            raise PageBroken(f"{name}, line 1: two columns have one name")

    def first(self, start: RecordStart) -> RecordStart:
        return start if start.offset else self._first

    def record(self, start: RecordStart) -> tuple[Mapping[str, Any] | None, RecordStart]:
        """Return a record (None at the end, empty for a blank line) and where the next begins."""
        got = self._row(start)
        if got is None:
            return None, start
        row, after = got
        if not row:
            return {}, after
        if len(row) != len(self._columns):
            raise ValueError(f"{len(row)} fields where the first line names {len(self._columns)}")
        return dict(zip(self._columns, row, strict=True)), after

    def _row(self, start: RecordStart) -> tuple[list[str], RecordStart] | None:
        self._file.seek(start.offset)
        lines = _Lines(self._file, start)
        try:
            row = next(csv.reader(lines, delimiter=self._delimiter, strict=True), None)
        except csv.Error as error:
            raise ValueError(f"not CSV ({error})") from error
        return None if row is None else (row, lines.after)


class _Lines:
    """The lines of one record, which quotes may spread over several."""

    def __init__(self, file: IO[bytes], start: RecordStart) -> None:
        self._file = file
        self._start = start.offset
        self.after = start

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._file.readline(MAX_RECORD_BYTES + 1)
        if not line:
            raise StopIteration
        begins = self.after.offset
        self.after = RecordStart(begins + len(line), self.after.line + 1)
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


def _next_line(file: IO[bytes], start: RecordStart) -> RecordStart:
    file.seek(start.offset)
    offset = start.offset
    while piece := file.readline(MAX_RECORD_BYTES):
        offset += len(piece)
        if piece.endswith(b"\n"):
            break
    return RecordStart(offset, start.line + 1)


# ---- rows ----------------------------------------------------------------------------------------


def demand_columns(columns: Mapping[str, str]) -> Mapping[str, str]:
    """Return the mapping to use: the operator's, or that of docs/data.md when it is empty.

    Raises:
        InvalidOption: a post has no such field, or there is nothing to learn from.
    """
    if not columns:
        return DATA_COLUMNS
    for name in columns:
        if name not in FIELDS:
            raise InvalidOption(f"a post has no field {name!r}; its fields are {', '.join(FIELDS)}", field="columns")
    if not columns.keys() & {"caption", "hashtags"}:
        raise InvalidOption("name the column of the caption or of the hashtags: caption=text", field="columns")
    return columns


def row_post(row: Mapping[str, Any], columns: Mapping[str, str], name: str) -> FoundPost:
    """Return the post of one row; ``name`` of the table tells rows without an id apart from those of others.

    Raises:
        ValueError: a named column is missing, or a value is of a kind that its field cannot have.
    """
    demanded = columns if columns is not DATA_COLUMNS else {}
    missing = sorted(column for column in demanded.values() if column not in row)
    if missing:
        raise ValueError(f"no column {missing[0]!r}; there are {', '.join(map(repr, list(row)[:20]))}")
    values = {field: row.get(column) for field, column in columns.items()}
    caption = _text_value(values.get("caption"), "caption") or ""
    hashtags = _hashtags(values.get("hashtags"))
    if not caption and not hashtags:
        raise ValueError(f"neither caption nor hashtags; there are {', '.join(map(repr, list(row)[:20]))}")
    return FoundPost(
        post_id=_text_value(values.get("post_id"), "post_id") or _digest(name, row),
        caption=caption,
        author=_text_value(values.get("author"), "author"),
        time=_time(values.get("time")),
        hashtags=hashtags,
        pictures=tuple(str(PurePosixPath(name).parent / picture) for picture in _pictures(values.get("pictures"))),
        licence=_text_value(values.get("licence"), "licence"),
        attribution=_text_value(values.get("attribution"), "attribution"),
    )


def _text_value(value: Any, field: str) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise ValueError(f"{field} is not text")


def _hashtags(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, str):
        return tuple(part for part in _SEPARATORS.split(value) if part)
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return tuple(value)
    raise ValueError("hashtags are neither text nor a list of texts")


def _pictures(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split("|") if part.strip())
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return tuple(value)
    raise ValueError("pictures are neither text nor a list of texts")


def _time(value: Any) -> str | None:
    if value is None or value == "":
        return None
    try:
        if isinstance(value, str) and not value.isdigit():
            moment = datetime.fromisoformat(value)
        else:
            moment = datetime.fromtimestamp(float(value), UTC)
    except (ValueError, TypeError, OverflowError, OSError) as error:
        raise ValueError("time is neither ISO 8601 nor seconds since 1970") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()


def _digest(name: str, row: Mapping[str, Any]) -> str:
    text = json.dumps([name, row], ensure_ascii=True, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
