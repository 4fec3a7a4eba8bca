"""Dated counts of hashtags, whole and by topic: what trends are computed from, as one JSON file.

Days are UTC. No count is below 2: the post of a day on which a hashtag was used once is counted with the next day on
which it was used, so the count over any span of days is off by one post at most, and a single post cannot be picked
out. A hashtag has at least 3 posts, of 3 authors where authors are known.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.atomic import write_atomic
from core.errors import BundleCorrupt, BundleMismatch, BundleMissing

SNAPSHOT_FILE = "trends.json"
FORMAT = "tagsmith trends"
FORMAT_VERSION = 1
MIN_CELL = 2
MAX_DAYS = 366

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class DatedCounts:
    """Posts a day of one topic, or of all.

    Attributes:
        topic: its name, or None for all posts.
        posts_by_day: (n_days,) posts on each day, 0 or at least 2.
        hashtag: (n_cells,) index in ``TrendSnapshot.hashtags``.
        day: (n_cells,) days after the first of the ``TrendSnapshot.n_days`` that end with ``as_of``.
        posts: (n_cells,) posts with that hashtag on that day, at least 2. One cell for a hashtag and day.
    """

    topic: str | None
    posts_by_day: Ints
    hashtag: Ints
    day: Ints
    posts: Ints


@dataclass(frozen=True, slots=True)
class SearchedHashtags:
    """What a platform put first for a word on one day.

    Attributes:
        source: the platform's word for ``--source``.
        word: what was asked for; "" for the platform's own trends.
        asked: ISO 8601 time of the answer, UTC.
        hashtags: (hashtag in normal form, posts or None where the platform does not say), best first.
    """

    source: str
    word: str
    asked: str
    hashtags: tuple[tuple[str, int | None], ...]


@dataclass(frozen=True, slots=True)
class TrendSnapshot:
    """The counts of one corpus up to one day.

    Attributes:
        as_of: the last day that is counted. The age of a trend is counted from it, not from when a file was written.
        n_days: days that are counted, up to ``as_of``.
        corpus: what was counted, in words for a reader.
        sources: posts counted, by where they were collected.
        hashtags: normal forms, sorted.
        whole: counts of all posts.
        by_topic: counts of each topic.
        searched: what platforms put first, each with its date.
    """

    as_of: date
    n_days: int
    corpus: str
    sources: Mapping[str, int]
    hashtags: tuple[str, ...]
    whole: DatedCounts
    by_topic: tuple[DatedCounts, ...] = ()
    searched: tuple[SearchedHashtags, ...] = ()

    @property
    def name(self) -> str:
        """What answers call it: its day and a mark of its content."""
        mark = hashlib.sha256(self.to_json().encode()).hexdigest()[:8]
        return f"trends-{self.as_of.isoformat()}-{mark}"

    def to_json(self) -> str:
        """Return the snapshot as JSON; equal snapshots are equal bytes."""
        content = {"format": FORMAT, "format_version": FORMAT_VERSION, **asdict(self)}
        return json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=_plain) + "\n"


def write_snapshot(snapshot: TrendSnapshot, path: Path) -> None:
    """Write the snapshot whole or not at all.

    Raises:
        StorageError: the disk is full or the file cannot be written.
    """
    write_atomic(path, snapshot.to_json())


def read_snapshot(path: Path) -> TrendSnapshot:
    """Return the snapshot in a file.

    Raises:
        BundleMissing: there is none.
        BundleMismatch: another format version wrote it.
        BundleCorrupt: it cannot be read, or its counts contradict each other.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise BundleMissing(f"there are no trends in {path}; run `tagsmith trends refresh`") from error
    except OSError as error:
        raise BundleCorrupt(f"{path} cannot be read ({error.strerror}); check its owner") from error
    return parse_snapshot(content, path)


def parse_snapshot(content: bytes, where: object) -> TrendSnapshot:
    """Return the snapshot in ``content``; ``where`` is for messages.

    Raises:
        BundleMismatch: another format version wrote it.
        BundleCorrupt: it is not a snapshot, or its counts contradict each other.
    """
    try:
        raw = json.loads(content)
        if raw["format"] != FORMAT:
            raise ValueError("of another format")
        version = raw["format_version"]
        if version != FORMAT_VERSION:
            raise BundleMismatch(
                f"{where} holds trends of format {version}, this program reads format {FORMAT_VERSION}; "
                "run `tagsmith trends refresh` with this version"
            )
        hashtags, n_days = tuple(map(_text, raw["hashtags"])), int(raw["n_days"])
        if not 1 <= n_days <= MAX_DAYS:
            raise ValueError("n_days is out of range")
        if len(set(hashtags)) != len(hashtags):
            raise ValueError("a hashtag stands in it twice")
        return TrendSnapshot(
            as_of=date.fromisoformat(raw["as_of"]),
            n_days=n_days,
            corpus=_text(raw["corpus"]),
            sources={_text(name): int(n) for name, n in raw["sources"].items()},
            hashtags=hashtags,
            whole=_counts(raw["whole"], len(hashtags), n_days),
            by_topic=tuple(_counts(counts, len(hashtags), n_days) for counts in raw["by_topic"]),
            searched=tuple(map(_searched, raw["searched"])),
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        why = f"{type(error).__name__}: {error}"
        raise BundleCorrupt(f"{where} holds no trends ({why}); run `tagsmith trends refresh` again") from error


def _plain(value: date | Ints) -> str | list[int]:
    return value.isoformat() if isinstance(value, date) else value.tolist()


def _counts(raw: dict[str, Any], n_hashtags: int, n_days: int) -> DatedCounts:
    columns = {name: _integers(raw[name]) for name in ("posts_by_day", "hashtag", "day", "posts")}
    counts = DatedCounts(None if raw["topic"] is None else _text(raw["topic"]), **columns)
    n_cells = len(counts.posts)
    if len(counts.posts_by_day) != n_days or len(counts.hashtag) != n_cells or len(counts.day) != n_cells:
        raise ValueError("columns of different lengths")
    if n_cells:
        within = counts.hashtag.min() >= 0 and counts.hashtag.max() < n_hashtags
        if not within or not 0 <= counts.day.min() <= counts.day.max() < n_days or counts.posts.min() < MIN_CELL:
            raise ValueError("a cell is out of range")
        if len(np.unique(counts.hashtag * n_days + counts.day)) != n_cells:
            raise ValueError("a cell stands in it twice")
    if ((counts.posts_by_day < MIN_CELL) & (counts.posts_by_day != 0)).any():
        raise ValueError("posts of a day are out of range")
    return counts


def _integers(raw: object) -> Ints:
    if not isinstance(raw, list) or not all(type(number) is int for number in raw):
        raise ValueError("a column is not a list of whole numbers")
    return np.array(raw, dtype=np.int64)


def _searched(raw: dict[str, Any]) -> SearchedHashtags:
    pairs = tuple((_text(tag), None if n is None else int(n)) for tag, n in raw["hashtags"])
    return SearchedHashtags(_text(raw["source"]), _text(raw["word"]), _text(raw["asked"]), pairs)


def _text(raw: object) -> str:
    if not isinstance(raw, str):
        raise ValueError("a name is not text")
    return raw
