"""How alike hashtags are written: cosine over character n-grams weighted by rarity."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from embeddings.context import gram_buckets

Floats = NDArray[np.float32]

N_BUCKETS = 1 << 16
"""Buckets of n-grams; a clash of two rare ones costs less than a vocabulary of them would."""


class SpellingIndex:
    """The n-grams of a vocabulary, each pointing at the hashtags that have it. Safe to share between threads.

    Args:
        tags: the vocabulary; ten thousand take a tenth of a second.
    """

    def __init__(self, tags: Sequence[str]) -> None:
        grams = [np.unique(gram_buckets(tag, N_BUCKETS)) for tag in tags]
        row = np.repeat(np.arange(len(tags)), [len(buckets) for buckets in grams])
        bucket = np.concatenate([np.zeros(0, np.int64), *grams])
        spread = np.bincount(bucket, minlength=N_BUCKETS)
        self._rarity = np.log(max(1, len(tags)) / np.maximum(1, spread)).astype(np.float32)
        weight = self._rarity[bucket]
        length = np.sqrt(np.bincount(row, weight**2, minlength=len(tags)))
        order = np.argsort(bucket, kind="stable")
        self._tag = row[order]
        self._weight = (weight / np.maximum(length[row], 1e-9))[order].astype(np.float32)
        self._start = np.concatenate([[0], np.cumsum(spread)])
        self._n_tags = len(tags)

    def likeness(self, tokens: Iterable[str]) -> Floats:
        """Return (n_tags,) the cosine, 0 to 1, of each hashtag to the token most like it; zeros without any."""
        best = np.zeros(self._n_tags, np.float32)
        for token in tokens:
            buckets = np.unique(gram_buckets(token, N_BUCKETS))
            rarity = self._rarity[buckets]
            length = float(np.sqrt((rarity**2).sum()))
            if length == 0:
                continue
            entries = [np.arange(self._start[bucket], self._start[bucket + 1]) for bucket in buckets]
            sizes = [len(of_bucket) for of_bucket in entries]
            at = np.concatenate(entries)
            gained = self._weight[at] * np.repeat(rarity / length, sizes)
            np.maximum(best, np.bincount(self._tag[at], gained, minlength=self._n_tags), out=best)
        return best
