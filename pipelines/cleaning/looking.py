"""The pictures of the posts that stay: looked at by a few threads, then compared with each other.

A picture that is no use is taken from its post, and the post stays: its words and hashtags still teach. Of equal
pictures the first keeps its post's.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipelines.cleaning.comparing import Verdicts
from pipelines.cleaning.keys import Keys, Records, Rows, equal_keys
from pipelines.cleaning.ledger import Ledger
from pipelines.cleaning.pictures import NEAR_PICTURE, OUTSIDE, RULES, SAME_PICTURE, Look, find_picture, look_at
from pipelines.cleaning.samples import Samples, rank_of
from pipelines.config.clean import PicturesConfig
from pipelines.workshop.progress import ProgressPort

SAVE_EVERY = 512
_WAITING_A_WORKER = 4
_BLOCKS = 16
"""Parts of a perceptual hash. Of two that differ in 20 bits, 99.4 % have an equal part; in 30 bits, 92 %."""
_LEADERS = 256


@dataclass(frozen=True, slots=True)
class PictureVerdicts:
    """What became of each picture that was looked at.

    Attributes:
        rules: (n_pictures,) uint8, in the order of the ledger: 0, or 1 + the place in the list of picture rules.
        samples: of each rule, (picture, picture that it repeats or None), as places in the ledger.
    """

    rules: NDArray[np.uint8]
    samples: Samples[tuple[int, int | None]]

    def drop(self, rule: str, pictures: Rows, like: np.int64) -> None:
        """Drop pictures because of the picture ``like``."""
        self.rules[pictures] = 1 + RULES.index(rule)
        for at in pictures:
            self.samples.offer(rule, rank_of("picture", int(at)), (int(at), int(like)))


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
            found.samples.offer(RULES[found.rules[at] - 1], rank_of("picture", int(at)), (int(at), None))
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


def distances(one: NDArray[np.uint64], others: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return (n,) numbers of different bits, 0 to 256, of one perceptual hash (4,) and others (n, 4)."""
    different = np.ascontiguousarray(others ^ one).view(np.uint8).reshape(len(others), -1)
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
