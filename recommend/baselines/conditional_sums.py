"""Sums of P(hashtag given seed) and P(hashtag given caption word): co-occurrence counts and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from core.query import Query
from embeddings.cooccurrence import SEED_SMOOTHING, WORD_SMOOTHING
from embeddings.sparse import CountMatrix
from recommend.baselines.method import Baseline, Corpus, densified, means_over, weighted_sums


class SeedSum(Baseline):
    """Scores are means over known seeds s of count(s, t) / (n_s + 5), 0 to 1."""

    name = "sum of P(tag given seed)"

    def __init__(self, corpus: Corpus) -> None:
        super().__init__(corpus.tags)
        self._counts = corpus.counts
        self._given_seed = _conditional(corpus.counts.whole.tag_tag, corpus.counts.whole.tag_posts, SEED_SMOOTHING)

    def score(self, queries: Sequence[Query]) -> NDArray[np.float32]:
        """Return (q, n_tags) means of probabilities; 0 without a known seed."""
        ids = [self._counts.tag_ids(query.seeds) for query in queries]
        return densified(means_over(ids, len(self.tags)) @ self._given_seed)


class WordSum(Baseline):
    """Scores are means over known words w of count(w, t) / (n_w + 10), weighted by log(N / (1 + n_w)), 0 to 1."""

    name = "sum of P(tag given word)"

    def __init__(self, corpus: Corpus) -> None:
        super().__init__(corpus.tags)
        self._counts = corpus.counts
        whole = corpus.counts.whole
        self._given_word = _conditional(whole.word_tag, whole.word_posts, WORD_SMOOTHING)
        self._weights = np.maximum(np.log(max(whole.n_posts, 1) / (1.0 + whole.word_posts)), 0.0)

    def score(self, queries: Sequence[Query]) -> NDArray[np.float32]:
        """Return (q, n_tags) weighted means of probabilities; 0 without a known word."""
        ids = [self._counts.word_ids(query.words) for query in queries]
        weights = [self._weights[row] / max(float(self._weights[row].sum()), 1e-12) for row in ids]
        return densified(weighted_sums(ids, len(self._counts.words), weights) @ self._given_word)


class BothSums(Baseline):
    """Scores are the sum of the two above: each is a probability, so they are added as they are, 0 to 2.

    Args:
        seeds: fitted.
        words: fitted to the same corpus.
    """

    name = "both sums"

    def __init__(self, seeds: SeedSum, words: WordSum) -> None:
        super().__init__(seeds.tags)
        self._parts = (seeds, words)

    def score(self, queries: Sequence[Query]) -> NDArray[np.float32]:
        """Return (q, n_tags) sums."""
        return self._parts[0].score(queries) + self._parts[1].score(queries)


def _conditional(together: CountMatrix, uses: NDArray[np.uint32], smoothing: float) -> Any:
    """Return the scipy matrix of count(row, column) / (n_row + smoothing)."""
    return (sp.diags_array(1.0 / (uses + smoothing)) @ together.to_scipy()).tocsr().astype(np.float32)
