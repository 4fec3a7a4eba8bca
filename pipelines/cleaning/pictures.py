"""The pictures of the posts that stay: each is looked at by one of a few threads, then all are compared.

A picture that cannot be used is taken from its post, and the post stays: its words and hashtags still teach. Of equal
pictures the first keeps its post's.

The file's name comes from a corpus that anyone may have made. So it must lie inside the corpus once all links are
followed, must be a plain file (opening a pipe would wait for ever), is read up to a bound and decoded up to another.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import imagehash
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.errors import ImageTooLarge, UndecodableImage, UnsupportedImage
from core.hashes import uniform_draw
from models.classifier.decode import decode
from pipelines.cleaning.comparing import Verdicts
from pipelines.cleaning.keys import Keys, Records, Rows, equal_keys
from pipelines.cleaning.ledger import Ledger
from pipelines.cleaning.samples import Samples
from pipelines.config.clean import PicturesConfig
from pipelines.workshop.progress import ProgressPort

MISSING = "missing"
OUTSIDE = "outside-the-corpus"
TOO_LARGE = "too-large"
NO_PICTURE = "no-picture"
BROKEN = "broken"
TINY = "tiny"
BLANK = "blank"
SAME_PICTURE = "same-picture"
NEAR_PICTURE = "near-picture"
RULES = (MISSING, OUTSIDE, TOO_LARGE, NO_PICTURE, BROKEN, TINY, BLANK, SAME_PICTURE, NEAR_PICTURE)
SENTENCES = {
    MISSING: "no file under the name that the post gives",
    OUTSIDE: "a path or a link that leads out of the corpus, or to something that is not a file",
    TOO_LARGE: "more bytes or pixels than are read",
    NO_PICTURE: "a file of another kind",
    BROKEN: "half-written, truncated or damaged",
    TINY: "fewer pixels than a classifier can use",
    BLANK: "one even colour",
    SAME_PICTURE: "the same bytes as an earlier picture",
    NEAR_PICTURE: "the same look as an earlier picture: resized, saved again, a little retouched",
}

SAVE_EVERY = 512
_WAITING_A_WORKER = 4
_BLOCKS = 16
"""Parts of a perceptual hash. Of two that differ in 20 bits, 99.4 % have an equal part; in 30 bits, 92 %."""
_LEADERS = 256
_HASHED_SIDE = 128
_BLANK_SPREAD = 2.0
"""Standard deviation of grey values, of 255, below which the perceptual hash is of noise and not of a picture."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a picture is recognised by.

    Attributes:
        verdict: name of the rule that it breaks, or "".
        content: 64 bits of its bytes' SHA-256, 0 where it was not read.
        look: (4,) uint64, the 256 bits of its perceptual hash; zeros where it has none.
    """

    verdict: str
    content: int = 0
    look: NDArray[np.uint64] = field(default_factory=lambda: np.zeros(4, dtype=np.uint64))


def find_picture(name: str, folder: Path, corpus: Path) -> Path | None:
    """Return the real path of a picture that a record in ``folder`` names, or None when it leads out of ``corpus``.

    Args:
        name: as the record has it.
        folder: where the record's shard lies.
        corpus: with all links followed.
    """
    try:
        real = Path(os.path.realpath(folder / name))
    except (ValueError, OSError):  # a zero byte, a name longer than any file's
        return None
    return real if real.is_relative_to(corpus) and real != corpus else None


def look_at(path: Path, config: PicturesConfig) -> Look:
    """Return the verdict on a file, and what the picture in it is recognised by."""
    try:
        content = _read(path, config.max_bytes)
    except FileNotFoundError:
        return Look(MISSING)
    except OSError:
        return Look(BROKEN)
    if isinstance(content, str):
        return Look(content)
    digest = int.from_bytes(hashlib.sha256(content).digest()[:8], "little") or 1
    try:
        image = decode(content, keep_side=max(_HASHED_SIDE, config.min_side))
    except ImageTooLarge:
        return Look(TOO_LARGE, digest)
    except UnsupportedImage:
        return Look(NO_PICTURE, digest)
    except UndecodableImage:
        return Look(BROKEN, digest)
    if min(image.size) < config.min_side:
        return Look(TINY, digest)
    grey = image.convert("L").resize((_HASHED_SIDE, _HASHED_SIDE), Image.Resampling.BOX)
    if np.asarray(grey, dtype=np.float32).std() < _BLANK_SPREAD:
        return Look(BLANK, digest)
    return Look("", digest, perceptual_hash(grey))


def perceptual_hash(image: Image.Image) -> NDArray[np.uint64]:
    """Return (4,) uint64: pHash with 16 x 16 low frequencies of the DCT, each above or below their median.

    Of 3,005 photographs, the closest two that are not copies differ in 52 of the 256 bits (two bracelets in one
    studio); copies saved at quality 10, halved in size, brighter by a fifth or with a third more contrast differ in
    16 at the ninetieth percentile and in 30 at the ninety-ninth. With 8 x 8 frequencies the two overlap.
    """
    return np.packbits(imagehash.phash(image, hash_size=16).hash.ravel()).view("<u8").astype(np.uint64)


def _read(path: Path, max_bytes: int) -> bytes | str:
    """Return a plain file's bytes, or the rule that it breaks."""
    # No link is followed: the path was checked, and what lies there may have changed since.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    with open(descriptor, "rb") as stream:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            return OUTSIDE
        if found.st_size > max_bytes:
            return TOO_LARGE
        content = stream.read(max_bytes + 1)
    return content if len(content) <= max_bytes else TOO_LARGE


@dataclass(frozen=True, slots=True)
class PictureVerdicts:
    """What became of each picture that was looked at.

    Attributes:
        rules: (n_pictures,) uint8, in the order of the ledger: 0, or 1 + the index of its rule in ``RULES``.
        samples: of each rule, (picture, picture that it repeats or None), as row numbers of the ledger.
    """

    rules: NDArray[np.uint8]
    samples: Samples[tuple[int, int | None]]

    def drop(self, rule: str, pictures: Rows, like: np.int64) -> None:
        """Drop pictures because of the picture ``like``."""
        self.rules[pictures] = 1 + RULES.index(rule)
        for at in pictures:
            self.samples.offer(rule, uniform_draw("picture", int(at)), (int(at), int(like)))


class Gallery:
    """The pictures of a ledger's posts."""

    def __init__(self, ledger: Ledger, verdicts: Verdicts, folder: Path, corpus: Path, config: PicturesConfig) -> None:
        """Look at the pictures of posts that ``verdicts`` keeps.

        Args:
            ledger: names the pictures and notes what was seen.
            verdicts: on the posts.
            folder: where the shards lie; pictures are named relative to it.
            corpus: with all links followed; nothing outside it is opened.
            config: which pictures are kept.
        """
        self._ledger = ledger
        self._verdicts = verdicts
        self._folder = folder
        self._corpus = corpus
        self._config = config

    def look(self, progress: ProgressPort) -> None:
        """Look at every picture that the ledger has not noted yet."""
        n_done = self._ledger.pictures.n_rows
        n_all = sum(
            int(np.count_nonzero(keys["image"] & (self._verdicts.rules[start : start + len(keys)] == 0)))
            for start, keys in self._ledger.keys.chunks()
        )
        task = progress.task("looking at pictures", n_all)
        task.advance(n_done)
        waiting: deque[tuple[int, Future[Look]]] = deque()
        seen: list[tuple[int, Look]] = []

        def take() -> None:
            row, future = waiting.popleft()
            seen.append((row, future.result()))
            task.advance()
            if len(seen) == SAVE_EVERY:
                self._note(seen)

        with ThreadPoolExecutor(self._config.workers) as pool:
            try:
                for row, name in islice(self._named(), n_done, None):
                    waiting.append((row, pool.submit(self._look_at, name)))
                    if len(waiting) >= _WAITING_A_WORKER * self._config.workers:
                        take()
                while waiting:
                    take()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        self._note(seen)

    def compare(self, progress: ProgressPort, n_samples: int) -> PictureVerdicts:
        """Return what becomes of every picture."""
        pictures = self._ledger.pictures
        task = progress.task("comparing pictures", 1 + _BLOCKS)
        rules = np.concatenate([np.zeros(0, np.uint8), *(records["verdict"] for _, records in pictures.chunks())])
        found = PictureVerdicts(rules.astype(np.uint8), Samples(n_samples))
        for at in np.flatnonzero(found.rules):
            found.samples.offer(RULES[found.rules[at] - 1], uniform_draw("picture", int(at)), (int(at), None))
        for rows in equal_keys(lambda: _contents(pictures, found.rules), pictures.n_rows):
            found.drop(SAME_PICTURE, rows[1:], rows[0])
        task.advance()
        for block in range(_BLOCKS):
            for rows in equal_keys(lambda block=block: _blocks(pictures, found.rules, block), pictures.n_rows):  # type: ignore[misc]
                self._drop_near(rows, found)
            task.advance()
        return found

    def _drop_near(self, rows: Rows, found: PictureVerdicts) -> None:
        looks = self._ledger.pictures.rows(rows)["look"]
        for _ in range(_LEADERS):
            if len(rows) < 2:
                return
            near = distances(looks[0], looks[1:]) <= self._config.max_distance
            found.drop(NEAR_PICTURE, rows[1:][near], rows[0])
            rows, looks = rows[1:][~near], looks[1:][~near]

    def _named(self) -> Iterator[tuple[int, str]]:
        """Yield (row, name of the picture) of the posts that stay and name one."""
        with open(self._ledger.folder / "posts.jsonl", "rb", buffering=1 << 20) as lines:
            for start, keys in self._ledger.keys.chunks():
                wanted = (keys["image"] != 0) & (self._verdicts.rules[start : start + len(keys)] == 0)
                for at, line in enumerate(islice(lines, len(keys))):
                    if wanted[at]:
                        yield start + at, json.loads(line)["image"]

    def _look_at(self, name: str) -> Look:
        path = find_picture(name, self._folder, self._corpus)
        return Look(OUTSIDE) if path is None else look_at(path, self._config)

    def _note(self, seen: list[tuple[int, Look]]) -> None:
        records = np.zeros(len(seen), dtype=self._ledger.pictures.dtype)
        for record, (row, look) in zip(records, seen, strict=True):
            record["row"], record["content"], record["look"] = row, look.content, look.look
            record["verdict"] = 1 + RULES.index(look.verdict) if look.verdict else 0
        self._ledger.pictures.append(records)
        self._ledger.save()
        seen.clear()


def distances(look: NDArray[np.uint64], others: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return (n,) numbers of different bits, 0 to 256, between a perceptual hash (4,) and others (n, 4)."""
    different = np.ascontiguousarray(others ^ look).view(np.uint8).reshape(len(others), -1)
    counts: NDArray[np.int64] = np.unpackbits(different, axis=1).sum(axis=1, dtype=np.int64)
    return counts


def _contents(pictures: Records, rules: NDArray[np.uint8]) -> Iterator[tuple[Rows, Keys]]:
    for start, records in pictures.chunks():
        rows = np.flatnonzero(rules[start : start + len(records)] == 0)
        yield rows + start, records["content"][rows]


def _blocks(pictures: Records, rules: NDArray[np.uint8], block: int) -> Iterator[tuple[Rows, Keys]]:
    """Yield one of ``_BLOCKS`` parts of each perceptual hash."""
    word, shift = divmod(block * 16, 64)
    for start, records in pictures.chunks():
        rows = np.flatnonzero(rules[start : start + len(records)] == 0)
        bits = (records["look"][rows, word] >> np.uint64(shift)) & np.uint64(0xFFFF)
        yield rows + start, bits + np.uint64(1)
