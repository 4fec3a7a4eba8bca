"""Word2Vec scored by its own objective: input vectors of the query against output vectors of the hashtags."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.errors import DataError
from core.query import Query
from embeddings.nearest import PRIOR_POWER
from embeddings.table import EmbeddingTable
from embeddings.tokens import query_tokens
from recommend.baselines.method import Baseline, sums_over


class InOut(Baseline):
    """Scores are sums over the query's tokens of P(hashtag given token), 0 to the number of tokens.

    Args:
        table: is scored by.
        name: of the table, as several are compared.

    Raises:
        DataError: the table has no output vectors.
    """

    def __init__(self, table: EmbeddingTable, name: str) -> None:
        super().__init__(table.words[: table.n_outputs])
        if not table.has_outputs:
            raise DataError("in-out scores need output vectors, and this table has none")
        self.name = name
        self._table = table
        self._outputs = np.ascontiguousarray(table.dense_output().T)
        self._offset = PRIOR_POWER * table.log_prior

    def score(self, queries: Sequence[Query]) -> NDArray[np.float32]:
        """Return (q, n_tags) sums of softmax rows; a token's row is made once for the whole batch."""
        ids = [self._table.ids(query_tokens(query)) for query in queries]
        used = np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *ids]))
        if not used.size:
            return np.zeros((len(queries), self._table.n_outputs), dtype=np.float32)
        logits = self._table.take_input(used) @ self._outputs + self._offset
        logits -= logits.max(axis=1, keepdims=True)
        np.exp(logits, out=logits)
        logits /= logits.sum(axis=1, keepdims=True)
        rows = [np.searchsorted(used, row).astype(np.int64) for row in ids]
        return np.asarray(sums_over(rows, used.size) @ logits, dtype=np.float32)
