"""What only a comparison with other posts shows: copies, an author's flood, captions that are nearly the same.

Of equal posts the first stays, in the order of the shards. Each rule looks at the posts that the rules before it
kept, so that no post is dropped as the copy of a post that another rule has dropped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.cleaning.keys import Keys, Records, Rows, equal_keys
from pipelines.cleaning.samples import Samples
from pipelines.cleaning.signatures import Signer
from pipelines.config.clean import CleanConfig
from pipelines.workshop.progress import ProgressPort

SAME_ID = "same-id"
SAME_POST = "same-post"
AUTHOR_REPEATS = "author-repeats"
AUTHOR_FLOOD = "author-flood"
NEAR_CAPTION = "near-caption"
RULES = (SAME_ID, SAME_POST, AUTHOR_REPEATS, AUTHOR_FLOOD, NEAR_CAPTION)
SENTENCES = {
    SAME_ID: "an id that an earlier post has",
    SAME_POST: "the same words and the same hashtags as an earlier post",
    AUTHOR_REPEATS: "one author's same words, time and again",
    AUTHOR_FLOOD: "more posts by one author within an hour than a person makes",
    NEAR_CAPTION: "nearly the same caption as an earlier post",
}
_COMPARED_AT_ONCE = 1 << 12
_LEADERS = 4


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What became of each row.

    Attributes:
        rules: (n_rows,) uint8: 0 for a post that stays, else 1 + the index of its rule in ``RULES``. Nothing
            else here grows with the corpus: a byte a post.
        samples: of each rule, (dropped row, row that it repeats).
    """

    rules: NDArray[np.uint8]
    samples: Samples[tuple[int, int]]


class Comparison:
    """Compares the posts of a ledger with each other."""

    def __init__(self, keys: Records, signatures: Records, signer: Signer, config: CleanConfig) -> None:
        """Compare by ``keys`` and ``signatures``, which ``signer`` made; they are read by :meth:`verdicts`."""
        self._keys = keys
        self._signatures = signatures
        self._signer = signer
        self._config = config
        self._found = Verdicts(np.zeros(keys.n_rows, dtype=np.uint8), Samples(config.samples))

    def verdicts(self, progress: ProgressPort) -> Verdicts:
        """Return what becomes of every post."""
        authors = self._config.authors
        task = progress.task("comparing posts", 4 + self._signer.n_bands)
        for rule, key, n_kept in (
            (SAME_ID, "id", 1),
            (SAME_POST, "post", 1),
            (AUTHOR_REPEATS, "author_words", authors.max_same_caption),
            (AUTHOR_FLOOD, "author_hour", authors.max_per_hour),
        ):
            for rows in equal_keys(lambda key=key: self._read(key), self._keys.n_rows):  # type: ignore[misc]
                self._drop(rule, rows[n_kept:], rows[0])
            task.advance()
        for band in range(self._signer.n_bands):
            for rows in equal_keys(lambda band=band: self._read("bands", band), self._keys.n_rows):  # type: ignore[misc]
                self._drop_near(rows)
            task.advance()
        return self._found

    def _read(self, name: str, band: int | None = None) -> Iterator[tuple[Rows, Keys]]:
        """Yield the keys of the rows that are still kept."""
        for start, records in self._keys.chunks():
            keys = records[name] if band is None else records[name][:, band]
            rows = np.flatnonzero(self._found.rules[start : start + len(records)] == 0)
            yield rows + start, keys[rows]

    def _drop_near(self, rows: Rows) -> None:
        """Drop posts that are near one of the first few of a group; unlike captions share a band only by chance."""
        for _ in range(_LEADERS):
            if len(rows) < 2:
                return
            leader = self._signatures.rows(rows[:1])[0]
            others, far = rows[1:], []
            for at in range(0, len(others), _COMPARED_AT_ONCE):
                some = others[at : at + _COMPARED_AT_ONCE]
                near = self._signer.near(leader, self._signatures.rows(some))
                self._drop(NEAR_CAPTION, some[near], rows[0])
                far.append(some[~near])
            rows = np.concatenate(far)

    def _drop(self, rule: str, rows: Rows, like: np.int64) -> None:
        """Drop rows because of the row ``like``."""
        self._found.rules[rows] = 1 + RULES.index(rule)
        ranks = _ranks(rows)
        for at in np.argsort(ranks)[: self._config.samples]:
            self._found.samples.offer(rule, float(ranks[at]), (int(rows[at]), int(like)))


def _ranks(rows: Rows) -> NDArray[np.float64]:
    """Return (n,) numbers from 0 to 1 that look random and are the same in every run (Fibonacci hashing)."""
    mixed = rows.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return np.asarray(((mixed ^ (mixed >> np.uint64(32))) * np.uint64(0xD6E8FEB86659FD93)) / 2.0**64, dtype=np.float64)
