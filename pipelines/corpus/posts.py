"""Posts on disk: the folder that training reads, and the same posts between its stages.

A data folder holds ``posts/*.jsonl`` or ``posts/*.jsonl.gz``, one post a line, and may hold ``multimodal/posts.jsonl``,
posts whose ``image`` names a picture beside that file. ``docs/data.md`` describes every field. A line that is not a
post is counted and reported, not fatal: collections are large and come from many tools. A file without one good line is
fatal, because it is of another kind than its name says.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import IO, Any, TypeVar, cast, get_args

from core.atomic import replacing
from core.errors import DataError
from core.posts import Post, Split, parse_line, post_line
from core.quarantine import quarantined
from core.text.caption import caption_words
from core.text.hashtags import extract, normalise

SPLITS: tuple[Split, ...] = get_args(Split)


MAX_LINE_BYTES = 1 << 20
"""A longer line is taken for no post."""
_CHUNK = 1 << 20

L = TypeVar("L", bytes, "bytes | None")


@dataclass(slots=True)
class Tally:
    """What reading found, filled while posts are read.

    Attributes:
        kept: posts yielded, by source.
        malformed: lines that are not posts, by file name.
        examples: the first such line of each file: where it stands and what is wrong.
        dropped: posts left out for another reason, by reason.
    """

    kept: Counter[str] = field(default_factory=Counter)
    malformed: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    dropped: Counter[str] = field(default_factory=Counter)


class FolderPosts:
    """Every post of a file, or of the ``.jsonl`` and ``.jsonl.gz`` files of a folder, that is not in quarantine."""

    def __init__(self, source: Path, tally: Tally, *, min_hashtags: int = 2) -> None:
        """Read ``source`` when asked.

        Args:
            source: a file, or a folder whose files are read in the order of their names.
            tally: filled by :meth:`posts`.
            min_hashtags: posts with fewer distinct hashtags are dropped.

        Raises:
            DataError: ``source`` does not exist or holds no such file, or its quarantine list is damaged.
        """
        self._files = _files_of(source)
        self._quarantined = quarantined(source)
        self._tally = tally
        self._min_hashtags = min_hashtags

    def posts(self) -> Iterator[Post]:
        """Yield every post once, file by file and line by line; of two posts with one id the first.

        Raises:
            DataError: a file is damaged or has no good line; the message names it and the line.
        """
        ids: set[str] = set()
        for path in self._files:
            for post in self._file_posts(path):
                if len(post.hashtags) < self._min_hashtags:
                    self._tally.dropped[f"fewer than {self._min_hashtags} hashtags"] += 1
                elif post.post_id in self._quarantined:
                    self._tally.dropped["in quarantine, because the picture is out of place"] += 1
                elif post.post_id in ids:
                    self._tally.dropped["an id that an earlier post has"] += 1
                else:
                    ids.add(post.post_id)
                    self._tally.kept[post.source] += 1
                    yield post

    def _file_posts(self, path: Path) -> Iterator[Post]:
        n_good = 0
        for number, line in read_lines(path):
            try:
                post = post_of(parse_record(line), path)
            except ValueError as problem:
                self._tally.malformed[path.name] += 1
                self._tally.examples.setdefault(path.name, f"line {number}: {problem}")
                continue
            n_good += 1
            if post.image is not None and not os.path.isfile(post.image):  # is_file raises on names that are too long
                self._tally.dropped["a picture that is not there (the post is kept)"] += 1
                post = replace(post, image=None)
            yield post
        if n_good == 0:
            why = self._tally.examples.get(path.name, "it is empty")
            raise DataError(f"{path} holds no usable post: {why}; each line must be one JSON object, see docs/data.md")


def deduplicate(posts: Iterable[Post]) -> Iterator[Post]:
    """Yield the first of several equal posts of one split.

    Two posts are equal when they have the same set of hashtags and the same caption words in the same order: links,
    mentions, case and the order of hashtags do not tell posts apart, and neither does the author, because copies of
    one advertisement come from many. Posts of different splits are left to the split, whose task overlap is.
    """
    seen: set[tuple[Split | None, frozenset[str], tuple[str, ...]]] = set()
    for post in posts:
        key = (post.split, frozenset(post.hashtags), tuple(caption_words(post.caption)))
        if key not in seen:
            seen.add(key)
            yield post


def write_posts(path: Path, posts: Iterable[Post], data: Path) -> int:
    """Write posts as gzipped JSON lines and return how many; the same posts give the same bytes.

    Pictures are written relative to the folder ``data``, so that the file stays true when the data moves.
    """
    n_posts = 0
    with replacing(path) as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as stream:
        for post in posts:
            image = None if post.image is None else os.path.relpath(post.image, data)
            stream.write(post_line({**asdict(post), "image": image}))
            n_posts += 1
    return n_posts


def read_posts(path: Path, data: Path) -> Iterator[Post]:
    """Yield the posts that :func:`write_posts` wrote; their pictures are looked for below ``data``.

    Raises:
        DataError: the file is missing or damaged.
    """
    for _, line in read_whole_lines(path):
        record = json.loads(line)
        record["hashtags"] = tuple(record["hashtags"])
        record["image"] = None if record["image"] is None else data / record["image"]
        yield Post(**record)


def _files_of(source: Path) -> list[Path]:
    if source.is_file():
        return [source]
    if not source.is_dir():
        raise DataError(f"{source} does not exist; posts are looked for there, see docs/data.md")
    found = post_files(source)
    if not found:
        raise DataError(f"{source} holds no .jsonl or .jsonl.gz file; put posts there, see docs/data.md")
    return found


def post_files(folder: Path) -> list[Path]:
    """Return the ``.jsonl`` and ``.jsonl.gz`` files of a folder by name; hidden ones are left out."""
    found = (path for path in folder.iterdir() if path.name.endswith((".jsonl", ".jsonl.gz")))
    return sorted(path for path in found if not path.name.startswith("."))


def read_lines(path: Path, skip: int = 0) -> Iterator[tuple[int, bytes | None]]:
    """Yield (line number from 1, line) of each line of a plain or gzipped file that is not blank.

    In place of a line longer than ``MAX_LINE_BYTES``, which is not held in memory, None is yielded.

    Args:
        path: the file.
        skip: lines to leave out at the start, not counting blank ones.

    Raises:
        DataError: the file is damaged or cannot be read; the message names it and the line.
    """
    n_seen = 0
    for number, line in _numbered(path, _bounded):
        if line is not None and not line.strip():
            continue
        n_seen += 1
        if n_seen > skip:
            yield number, line


def read_whole_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield (line number from 1, line) of each line of a plain or gzipped file that is not blank, however long it is.

    Raises:
        DataError: the file is damaged or cannot be read; the message names it and the line.
    """
    for number, line in _numbered(path, iter):
        if line.strip():
            yield number, line


def _numbered(path: Path, lines_of: Callable[[IO[bytes]], Iterator[L]]) -> Iterator[tuple[int, L]]:
    number = 0
    try:
        with _open(path) as stream:
            for number, line in enumerate(lines_of(stream), start=1):
                yield number, line
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(
            f"{path} is damaged after line {number}: {error}; copy or download it again, and run the same command"
        ) from error
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error


def _open(path: Path) -> IO[bytes]:
    if path.name.endswith(".gz"):
        return cast("IO[bytes]", io.BufferedReader(cast("io.RawIOBase", gzip.open(path, "rb")), _CHUNK))
    return path.open("rb", _CHUNK)


def _bounded(stream: IO[bytes]) -> Iterator[bytes | None]:
    while line := stream.readline(MAX_LINE_BYTES + 1):
        if len(line) <= MAX_LINE_BYTES:
            yield line
            continue
        while not line.endswith(b"\n") and (line := stream.readline(_CHUNK)):
            pass
        yield None


def open_new(path: Path) -> IO[bytes]:
    """Return a new file for lines, gzipped if its name says so; the same lines give the same bytes."""
    if not path.name.endswith(".gz"):
        return path.open("wb", _CHUNK)
    return cast("IO[bytes]", gzip.GzipFile(os.fspath(path), "wb", 6, mtime=0))


def parse_record(line: bytes | None) -> dict[str, Any]:
    """Return the record of a line that :func:`read_lines` yielded.

    Raises:
        ValueError: the line holds no JSON object, or was too long; the message says why and shows nothing of the line.
    """
    if line is None:
        raise ValueError(f"longer than {MAX_LINE_BYTES >> 20} MiB")
    return parse_line(line)


def record_of(post: Post) -> dict[str, Any]:
    """Return a post as a record of a data folder, without its picture; the opposite of :func:`post_of`."""
    return {
        "id": post.post_id,
        "source": post.source,
        "caption": post.caption,
        "hashtags": list(post.hashtags),
        "author": post.author,
        "time": post.time,
        "query_tag": post.query_tag,
        "split": post.split,
    }


def post_of(record: dict[str, Any], path: Path) -> Post:
    """Return the post of one JSON object that stands in the file ``path``.

    Raises:
        ValueError: the object describes no post; the message says why and shows no caption.
    """
    post_id = record.get("id")
    if not isinstance(post_id, str | int) or isinstance(post_id, bool) or post_id == "":
        raise ValueError("no 'id'")
    caption = _text(record, "caption") or ""
    split = record.get("split")
    if split not in (None, *SPLITS):
        raise ValueError(f"'split' is not one of {', '.join(SPLITS)}")
    image = _text(record, "image")
    query_tag = _text(record, "query_tag")
    return Post(
        post_id=str(post_id),
        source=_text(record, "source") or path.name.split(".")[0],
        caption=caption,
        hashtags=_hashtags(record, caption),
        author=_text(record, "author"),
        time=_time(_text(record, "time")),
        query_tag=normalise(query_tag) if query_tag else None,
        split=split,
        image=(path.parent / image).resolve() if image else None,
        topic=_text(record, "topic"),
        tag_origin=_text(record, "tag_origin"),
    )


def _text(record: dict[str, Any], key: str) -> str | None:
    value = record.get(key)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise ValueError(f"'{key}' is not text")
    return value.encode("utf-8", "replace").decode()  # half a surrogate pair can be read but not written


def _hashtags(record: dict[str, Any], caption: str) -> tuple[str, ...]:
    """Return the post's hashtags in normal form; those of the caption where the record lists none."""
    raw = record.get("hashtags")
    if raw is None:
        return extract(caption)
    if not isinstance(raw, list) or not all(isinstance(hashtag, str) for hashtag in raw):
        raise ValueError("'hashtags' is not a list of texts")
    return tuple(dict.fromkeys(filter(None, map(normalise, raw))))


def _time(raw: str | None) -> str | None:
    if raw is None:
        return None
    try:
        datetime.fromisoformat(raw)
    except ValueError:
        raise ValueError("'time' is not ISO 8601") from None
    return raw
