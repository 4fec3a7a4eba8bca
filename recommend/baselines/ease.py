"""EASE (Steck 2019, "Embarrassingly Shallow Autoencoders for Sparse Data"), hashtags as items, posts as users."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from core.query import Query
from recommend.baselines.method import Baseline, Corpus, sums_over

N_FREQUENT = 3000
RIDGE = 200.0


class Ease(Baseline):
    """Scores are sums over seeds of item-item weights B = I - P / diag(P), P the inverse of X'X + ridge I.

    Args:
        corpus: is learnt from.
        n_frequent: the inverse is of so many most used hashtags alone, as it takes 8 n² bytes and n³ steps; others
            score 0.
        ridge: strength of the regularisation.
    """

    name = "EASE"

    def __init__(self, corpus: Corpus, *, n_frequent: int = N_FREQUENT, ridge: float = RIDGE) -> None:
        super().__init__(corpus.tags)
        self._counts = corpus.counts
        n_items = min(n_frequent, len(self.tags))
        gram = corpus.counts.whole.tag_tag.to_scipy()[:n_items, :n_items].toarray().astype(np.float64)
        gram[np.diag_indices(n_items)] = corpus.counts.whole.tag_posts[:n_items] + ridge
        inverse = scipy.linalg.inv(gram, overwrite_a=True, check_finite=False)
        weights = -inverse / np.diag(inverse)
        weights[np.diag_indices(n_items)] = 0.0
        self._weights = weights.astype(np.float32)

    def score(self, queries: Sequence[Query]) -> NDArray[np.float32]:
        """Return (q, n_tags) sums of the seeds' weights; may be negative."""
        n_items = self._weights.shape[0]
        known = [self._counts.tag_ids(query.seeds) for query in queries]
        ids = [row[row < n_items] for row in known]
        scores = np.zeros((len(queries), len(self.tags)), dtype=np.float32)
        scores[:, :n_items] = sums_over(ids, n_items) @ self._weights
        return scores
