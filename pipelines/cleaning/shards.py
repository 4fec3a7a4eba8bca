"""The lines of a corpus, one after the other, whatever state its files are in.

Nothing outside the corpus is read, no line longer than ``MAX_LINE_BYTES`` is held, and a shard that breaks off stops
the cleaning: what a compressed file lost cannot be told from what it never had.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from core.errors import DataError

MAX_LINE_BYTES = 1 << 20
POSTS = "posts"
_CHUNK = 1 << 20
_OTHER_ENCODINGS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


@dataclass(frozen=True, slots=True)
class Shard:
    """One file of posts.

    Attributes:
        name: of the file; the clean shard has the same.
        path: where it lies, links followed.
        sha256: hex digest of its content.
    """

    name: str
    path: Path
    sha256: str


def find_shards(corpus: Path) -> list[Shard]:
    """Return the ``.jsonl`` and ``.jsonl.gz`` files of ``corpus/posts`` in the order of their names.

    Raises:
        DataError: there are none, one cannot be read, or one is a link that leads out of the corpus.
    """
    folder = corpus / POSTS
    if not folder.is_dir():
        raise DataError(f"{folder} does not exist; a corpus keeps its posts there, see docs/data.md")
    root = corpus.resolve()
    shards = []
    for path in sorted(folder.iterdir()):
        if not path.name.endswith((".jsonl", ".jsonl.gz")) or path.name.startswith("."):
            continue
        real = path.resolve()
        if not real.is_relative_to(root):
            raise DataError(f"{path} is a link that leads out of the corpus; put the file itself there")
        if not real.is_file():
            raise DataError(f"{path} is no file; take it out of {folder}")
        shards.append(Shard(path.name, real, _sha256(path)))
    if not shards:
        raise DataError(f"{folder} holds no .jsonl or .jsonl.gz file; `tagsmith collect` writes them there")
    return shards


def read_lines(shard: Shard, skip: int = 0) -> Iterator[tuple[int, bytes | None]]:
    """Yield (line number from 1, line) of each line that holds anything, leaving out the first ``skip`` of them.

    Of a line that is too long nothing but None is given.

    Raises:
        DataError: the file is damaged or cannot be read; the message names it and the line.
    """
    number = 0
    try:
        with _open(shard.path) as stream:
            n_seen = 0
            for line in _bounded(stream):
                number += 1
                if line is not None and not line.strip():
                    continue
                n_seen += 1
                if n_seen > skip:
                    yield number, line
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(
            f"{shard.path} is damaged after line {number}: {error}; copy or download it again, "
            "and run the same command: what is done stays done"
        ) from error
    except OSError as error:
        raise DataError(f"cannot read {shard.path}: {error.strerror or error}") from error


def parse_record(line: bytes | None) -> dict[str, Any]:
    """Return the JSON object of a line.

    Raises:
        ValueError: it is none; the message says why and shows nothing of the line.
    """
    if line is None:
        raise ValueError(f"longer than {MAX_LINE_BYTES >> 20} MiB")
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError:
        found = _OTHER_ENCODINGS.get(line[:2], "another encoding")
        raise ValueError(f"not UTF-8 but {found}; save the file as UTF-8") from None
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("not valid JSON") from None
    if not isinstance(record, dict):
        raise ValueError("not a JSON object")
    return record


def _bounded(stream: IO[bytes]) -> Iterator[bytes | None]:
    """Yield lines; of one that is too long nothing is kept."""
    while line := stream.readline(MAX_LINE_BYTES + 1):
        if len(line) <= MAX_LINE_BYTES:
            yield line
            continue
        while not line.endswith(b"\n") and (line := stream.readline(_CHUNK)):
            pass
        yield None


def _open(path: Path) -> IO[bytes]:
    if path.name.endswith(".gz"):
        return cast("IO[bytes]", io.BufferedReader(cast("io.RawIOBase", gzip.open(path, "rb")), _CHUNK))
    return path.open("rb", _CHUNK)


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error


def open_shard(path: Path) -> IO[bytes]:
    """Return a new file for a clean shard, compressed where its name says so; the same lines give the same bytes."""
    if not path.name.endswith(".gz"):
        return path.open("wb", _CHUNK)
    return cast("IO[bytes]", gzip.GzipFile(os.fspath(path), "wb", 6, mtime=0))
