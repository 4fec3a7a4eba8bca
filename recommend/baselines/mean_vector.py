"""Cosine to the mean of the query's input vectors: Word2Vec and GloVe as published, and Hootsuite's family (2019)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.query import Query
from embeddings.nearest import unit_rows
from embeddings.table import EmbeddingTable
from embeddings.tokens import query_tokens
from recommend.baselines.method import Baseline, means_over


class MeanVectorCosine(Baseline):
    """Scores are cosines, -1 to 1; a query without a known token scores 0 everywhere.

    Args:
        table: is scored by.
        name: of the table, as several are compared.
    """

    def __init__(self, table: EmbeddingTable, name: str) -> None:
        super().__init__(table.words[: table.n_outputs])
        self.name = name
        self._table = table
        self._inputs = table.dense_input()
        self._unit_targets = np.ascontiguousarray(unit_rows(self._inputs[: table.n_outputs]).T)

    def score(self, queries: Sequence[Query]) -> NDArray[np.float32]:
        """Return (q, n_tags) cosines of each query's mean vector."""
        ids = [self._table.ids(query_tokens(query)) for query in queries]
        means = means_over(ids, len(self._table.words)) @ self._inputs
        return unit_rows(np.asarray(means, dtype=np.float32)) @ self._unit_targets
