"""Hashtags that look like the seeds: cosine of tf-idf weighted character n-grams."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.query import Query
from recommend.baselines.method import Baseline, Corpus, densified, means_over, unit, weighted_sums

LENGTHS = (3, 4, 5)


class CharacterNgrams(Baseline):
    """Scores are means of cosines over the seeds, 0 to 1."""

    name = "character n-grams of seeds"

    def __init__(self, corpus: Corpus) -> None:
        super().__init__(corpus.tags)
        spread = Counter(gram for tag in self.tags for gram in set(ngrams(tag)))
        self._column_of = {gram: column for column, gram in enumerate(spread)}
        self._idf = np.array([math.log((1 + len(self.tags)) / (1 + n)) + 1.0 for n in spread.values()])
        self._grams_by_tag = self._vectors(self.tags).T.tocsr()

    def score(self, queries: Sequence[Query]) -> NDArray[np.float32]:
        """Return (q, n_tags) mean cosines to the seeds; 0 without seeds."""
        seeds = sorted({seed for query in queries for seed in query.seeds})
        row_of = {seed: row for row, seed in enumerate(seeds)}
        ids = [np.array([row_of[seed] for seed in query.seeds], dtype=np.int64) for query in queries]
        return densified(means_over(ids, len(seeds)) @ (self._vectors(seeds) @ self._grams_by_tag))

    def _vectors(self, tags: Sequence[str]) -> Any:
        """Return the (len(tags), n_grams) scipy matrix of unit tf-idf rows."""
        ids, weights = [], []
        for tag in tags:
            counts = Counter(self._column_of[gram] for gram in ngrams(tag) if gram in self._column_of)
            columns = np.array(sorted(counts), dtype=np.int64)
            values = np.array([counts[column] for column in columns.tolist()]) * self._idf[columns]
            ids.append(columns)
            weights.append(unit(values))
        return weighted_sums(ids, len(self._column_of), weights)


def ngrams(tag: str) -> list[str]:
    """Return the n-grams of a hashtag between marks for its ends."""
    marked = f"<{tag}>"
    return [marked[at : at + length] for length in LENGTHS for at in range(len(marked) - length + 1)]
