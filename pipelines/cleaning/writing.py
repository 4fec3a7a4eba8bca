"""The last pass: the posts that stay, with their pictures, as a corpus of the same layout; and samples of the rest."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np

from core.atomic import link_or_copy, sync_folder
from core.posts import post_line
from pipelines.cleaning import comparing, pictures
from pipelines.cleaning.comparing import Verdicts
from pipelines.cleaning.ledger import POSTS, Ledger
from pipelines.cleaning.pictures import PictureVerdicts
from pipelines.corpus.posts import open_new
from pipelines.workshop.progress import ProgressPort

PICTURES = "pictures"


@dataclass(slots=True)
class Written:
    """What the last pass did.

    Attributes:
        n_kept: posts written.
        n_with_picture: of them, those with a picture.
        dropped: rule of comparison -> posts.
        pictures_dropped: picture rule -> pictures.
        texts: row -> record, of the posts that samples name.
        files: number of a looked-at picture -> (row, its file), of the pictures that samples name.
    """

    n_kept: int = 0
    n_with_picture: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    pictures_dropped: Counter[str] = field(default_factory=Counter)
    texts: dict[int, dict[str, Any]] = field(default_factory=dict)
    files: dict[int, tuple[int, Path | None]] = field(default_factory=dict)


class Writer:
    """Writes a clean corpus."""

    def __init__(self, ledger: Ledger, posts: Verdicts, seen: PictureVerdicts, corpus: Path, out: Path) -> None:
        """Write into the empty folder ``out`` what the verdicts keep; ``corpus`` has all links followed."""
        self._ledger = ledger
        self._posts = posts
        self._seen = seen
        self._corpus = corpus
        self._out = out
        self._written = Written()
        self._wanted_rows = {row for _, pair in posts.samples.all() for row in pair}
        self._wanted_pictures = {at for _, pair in seen.samples.all() for at in pair if at is not None}

    def write(self, progress: ProgressPort) -> Written:
        """Write every shard that keeps a post, and link the pictures beside them."""
        task = progress.task("writing posts", self._ledger.keys.n_rows)
        (self._out / POSTS).mkdir(parents=True)
        looked_at = self._looked_at()
        picture = next(looked_at, None)
        start = 0
        with open(self._ledger.folder / "posts.jsonl", "rb", buffering=1 << 20) as lines:
            for shard in self._ledger.shards:
                stream: IO[bytes] | None = None
                path = self._out / POSTS / shard.name
                try:
                    for row, line in enumerate(islice(lines, shard.n_rows - start), start):
                        rule = self._posts.rules[row]
                        if row in self._wanted_rows:
                            self._written.texts[row] = json.loads(line)
                        if rule:
                            self._written.dropped[comparing.RULES[rule - 1]] += 1
                        else:
                            if picture is not None and picture[0] == row:
                                line = self._with_picture(line, *picture)
                                picture = next(looked_at, None)
                            stream = stream or open_new(path)
                            stream.write(line)
                            self._written.n_kept += 1
                        task.advance()
                finally:
                    if stream is not None:
                        stream.close()
                if stream is not None:
                    _sync_file(path)
                start = shard.n_rows
        sync_folder(self._out / POSTS)
        return self._written

    def _looked_at(self) -> Iterator[tuple[int, int, np.void]]:
        """Yield (row, number of the picture, what was seen) in the order of the rows."""
        for start, records in self._ledger.pictures.chunks():
            for at, record in enumerate(records):
                yield int(record["row"]), start + at, record

    def _with_picture(self, line: bytes, row: int, number: int, seen: np.void) -> bytes:
        """Return a post's line with its picture where it lies now, or without."""
        record = json.loads(line)
        rule = self._seen.rules[number]
        found = pictures.find_picture(record["image"], self._corpus / POSTS, self._corpus)
        if number in self._wanted_pictures:
            self._written.files[number] = (row, found)
            self._written.texts.setdefault(row, dict(record))
        verdict = pictures.RULES[rule - 1] if rule else ""
        if not verdict and (found is None or not self._bring(found, kept := self._name_of(found, seen))):
            verdict = pictures.MISSING
        if verdict:
            self._written.pictures_dropped[verdict] += 1
            del record["image"]
        else:
            record["image"] = f"../{kept.as_posix()}"
            self._written.n_with_picture += 1
        return post_line(record)

    def _name_of(self, picture: Path, seen: np.void) -> Path:
        """Return where a picture goes: where it was, or, from elsewhere in the corpus, among the pictures."""
        inside = picture.relative_to(self._corpus)
        if inside.parts[0] == PICTURES:
            return inside
        name = f"{int(seen['content']):016x}"
        return Path(PICTURES, name[:2], name + picture.suffix[:8].lower())

    def _bring(self, picture: Path, name: Path) -> bool:
        """Link or copy a picture; return whether it was still there."""
        target = self._out / name
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            link_or_copy(picture, target)
        except FileNotFoundError:
            return False
        return True


def _sync_file(path: Path) -> None:
    with path.open("rb") as stream:
        os.fsync(stream.fileno())
