"""What a cleaning reads and has done so far, so that a killed one goes on instead of starting again.

Three files grow while posts are read: the clean posts, their keys and their signatures; a fourth holds dropped posts
that may become samples. Every few thousand posts they are flushed and the ledger, a small JSON file that is replaced
whole, notes how long each of them is. What lies beyond those lengths is cut off at the next start, so that a post is
never counted twice. A shard that has changed since loses its part and all that follows it.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import IO, Any

import numpy as np

from core.atomic import write_atomic
from core.errors import DataError
from core.hashes import file_sha256
from pipelines.cleaning.keys import Records
from pipelines.corpus.posts import post_files

POSTS = "posts"
PICTURES = np.dtype([("row", "<u8"), ("content", "<u8"), ("look", "<u8", (4,)), ("verdict", "u1")])
"""A looked-at picture: whose it is, hash of its bytes, perceptual hash, 1 + the index of the rule it breaks or 0."""


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
    for path in post_files(folder):
        real = path.resolve()
        if not real.is_relative_to(root):
            raise DataError(f"{path} is a link that leads out of the corpus; put the file itself there")
        if not real.is_file():
            raise DataError(f"{path} is not a file; take it out of {folder}")
        shards.append(Shard(path.name, real, _sha256(path)))
    if not shards:
        raise DataError(f"{folder} holds no .jsonl or .jsonl.gz file; `tagsmith collect` writes them there")
    return shards


def _sha256(path: Path) -> str:
    try:
        return file_sha256(path)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error


@dataclass(slots=True)
class ShardProgress:
    """How far one shard is read, and what was found in it.

    Attributes:
        name: of the file.
        sha256: of its content.
        n_lines: lines read that hold anything.
        finished: whether that is all of them.
        n_rows: posts kept so far, this shard's and those before it.
        n_bytes: length of the file of clean posts then.
        n_dropped_bytes: length of the file of dropped posts then.
        malformed: the first line that is not a post, and why.
        dropped: rule -> posts.
        mended: what was changed -> posts.
        languages: primary tag, or "not clear", of the posts kept -> posts.
        other_languages: primary tag of the posts dropped for their language -> posts.
    """

    name: str
    sha256: str
    n_lines: int = 0
    finished: bool = False
    n_rows: int = 0
    n_bytes: int = 0
    n_dropped_bytes: int = 0
    malformed: str = ""
    dropped: Counter[str] = field(default_factory=Counter)
    mended: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    other_languages: Counter[str] = field(default_factory=Counter)


class Ledger:
    """The work folder of one cleaning: its growing files and how much of each counts."""

    def __init__(
        self, folder: Path, mark: str, shards: Sequence[Shard], keys: np.dtype[Any], permutations: int
    ) -> None:
        """Open ``folder`` where the last run with this ``mark`` left it, as far as the shards are the same."""
        self.folder = folder
        self._mark = mark
        self.shards, n_pictures, whole = _read(folder / "ledger.json", mark, shards)
        last = self.shards[-1] if self.shards else ShardProgress("", "")
        self.posts = _reopen(folder / "posts.jsonl", last.n_bytes)
        self.dropped = _reopen(folder / "dropped.jsonl", last.n_dropped_bytes)
        self.keys = Records(folder / "keys", keys, last.n_rows)
        self.signatures = Records(folder / "signatures", np.dtype((np.uint8, (permutations,))), last.n_rows)
        # Which pictures are looked at follows from all posts: a shard that changed may change it.
        self.pictures = Records(folder / "pictures", PICTURES, n_pictures if whole else 0)
        self.resumed = bool(self.shards)

    def save(self) -> None:
        """Flush everything to the disk, then note how far it goes."""
        for stream in (self.posts, self.dropped):
            stream.flush()
            os.fsync(stream.fileno())
        for records in (self.keys, self.signatures, self.pictures):
            records.flush()
        if self.shards:
            last = self.shards[-1]
            last.n_rows, last.n_bytes, last.n_dropped_bytes = self.keys.n_rows, self.posts.tell(), self.dropped.tell()
        state = {
            "mark": self._mark,
            "shards": [_state(shard) for shard in self.shards],
            "pictures": self.pictures.n_rows,
        }
        write_atomic(self.folder / "ledger.json", json.dumps(state))

    def close(self) -> None:
        """Close the files."""
        for file in (self.posts, self.dropped, self.keys, self.signatures, self.pictures):
            file.close()

    @property
    def n_read(self) -> int:
        """Lines that held anything, of all shards."""
        return sum(shard.n_lines for shard in self.shards)

    def total(self, what: str) -> Counter[str]:
        """Return the sum over all shards of one of their counters."""
        found: Counter[str] = Counter()
        for shard in self.shards:
            found.update(getattr(shard, what))
        return found


def _reopen(path: Path, n_bytes: int) -> IO[bytes]:
    stream = open(path, "r+b" if path.exists() else "w+b", buffering=1 << 20)  # noqa: SIM115  closed by close()
    stream.truncate(n_bytes)
    stream.seek(0, os.SEEK_END)
    return stream


def _read(path: Path, mark: str, shards: Sequence[Shard]) -> tuple[list[ShardProgress], int, bool]:
    """Return (progress of the shards that are still the same, pictures done, whether nothing was taken back)."""
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
        if state["mark"] != mark:
            return [], 0, False
        noted = [_progress(shard) for shard in state["shards"]]
        n_pictures = int(state["pictures"])
    except (OSError, ValueError, KeyError, TypeError):
        return [], 0, False
    same: list[ShardProgress] = []
    for progress, shard in zip(noted, shards, strict=False):
        if (progress.name, progress.sha256) != (shard.name, shard.sha256):
            break
        same.append(progress)
        if not progress.finished:
            break
    return same, n_pictures, len(same) == len(noted) == len(shards)


def _state(progress: ShardProgress) -> dict[str, Any]:
    # dataclasses.asdict makes a new Counter of a Counter's items, which counts the items.
    return {attribute.name: getattr(progress, attribute.name) for attribute in fields(progress)}


def _progress(state: dict[str, Any]) -> ShardProgress:
    progress = ShardProgress(str(state["name"]), str(state["sha256"]))
    for attribute in fields(progress):
        value = state[attribute.name]
        setattr(progress, attribute.name, Counter(value) if isinstance(value, dict) else value)
    return progress
