"""The most used hashtags, whatever was asked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.query import Query
from recommend.baselines.method import Baseline, Corpus


class Popularity(Baseline):
    """Scores are shares of training posts, 0 to 1."""

    name = "popularity"

    def __init__(self, corpus: Corpus) -> None:
        super().__init__(corpus.tags)
        self._share = (corpus.counts.whole.tag_posts / max(corpus.counts.whole.n_posts, 1)).astype(np.float32)

    def score(self, queries: Sequence[Query]) -> NDArray[np.float32]:
        """Return (q, n_tags) shares of posts, the same for every query."""
        return np.repeat(self._share[None, :], len(queries), axis=0)
