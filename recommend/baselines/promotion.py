"""Tag co-occurrence with promotion (Sigurbjörnsson and van Zwol 2008, "Flickr tag recommendation")."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from core.query import Query
from recommend.baselines.method import Baseline, Corpus, densified, sums_over

N_CANDIDATES = 25
K_RANK = 4.0
K_STABLE = 9.0
K_DESCRIPTIVE = 11.0


class CooccurrencePromotion(Baseline):
    """Scores are sums over seeds u of P(c given u) times three promotions, for u's 25 most co-occurring hashtags c.

    Promotion of a rank r is k / (k + r - 1); of a stable seed and of a descriptive candidate, used n times,
    k / (k + |k - ln n|): neither very rare nor very common hashtags tell much.
    """

    name = "co-occurrence with promotion"

    def __init__(self, corpus: Corpus) -> None:
        super().__init__(corpus.tags)
        self._counts = corpus.counts
        whole = corpus.counts.whole
        log_uses = np.log(np.maximum(whole.tag_posts, 1).astype(np.float64))
        stable = K_STABLE / (K_STABLE + np.abs(K_STABLE - log_uses))
        descriptive = K_DESCRIPTIVE / (K_DESCRIPTIVE + np.abs(K_DESCRIPTIVE - log_uses))
        rows, columns, values = [], [], []
        for seed in range(len(self.tags)):
            candidates, together = whole.tag_tag.row(seed)
            best = np.lexsort((candidates, -together))[:N_CANDIDATES]
            ranks = K_RANK / (K_RANK + np.arange(best.size))
            rows.append(np.full(best.size, seed))
            columns.append(candidates[best])
            share = together[best] / max(int(whole.tag_posts[seed]), 1)
            values.append(share * ranks * stable[seed] * descriptive[candidates[best]])
        cells = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
        self._promoted = sp.csr_matrix(cells, shape=(len(self.tags), len(self.tags)), dtype=np.float32)

    def score(self, queries: Sequence[Query]) -> NDArray[np.float32]:
        """Return (q, n_tags) sums of promoted shares; 0 without a known seed."""
        ids = [self._counts.tag_ids(query.seeds) for query in queries]
        return densified(sums_over(ids, len(self.tags)) @ self._promoted)
