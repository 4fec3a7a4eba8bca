"""Cosine and in-out scores over a table, and the best of them with stable ties.

Every query is computed by products of its own, never mixed with other queries' rows, so a batch answers bit for bit
as each query alone would.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import DataError
from embeddings.table import WordVectors

Ids = NDArray[np.integer[Any]]

PRIOR_POWER = 0.75
"""Negatives are drawn by frequency to the power 0.75, which this much of the log prior undoes."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """The best of each query.

    Attributes:
        ids: (q, k) int64 rows, best first; -1 where there were fewer than k.
        scores: (q, k) float32; -inf where there were fewer than k.
    """

    ids: NDArray[np.int64]
    scores: NDArray[np.float32]


def top_k(scores: NDArray[np.float32], k: int, exclude: Sequence[Ids] | None = None) -> Ranked:
    """Return the k best columns of each row: score falling, then column rising.

    Args:
        scores: (q, n) finite; -inf takes a column out.
        k: at least 1.
        exclude: for each row the columns that must not come back.

    Raises:
        ValueError: a score is NaN (a bug further up: no order is stable over NaN).
    """
    n_queries, n_columns = scores.shape
    ids = np.full((n_queries, k), -1, dtype=np.int64)
    best = np.full((n_queries, k), -np.inf, dtype=np.float32)
    for query in range(n_queries):
        row = np.array(scores[query], dtype=np.float32)
        if np.isnan(row).any():
            raise ValueError("scores hold NaN")
        if exclude is not None:
            row[exclude[query]] = -np.inf
        cut = np.float32(-np.inf) if k >= n_columns else np.partition(row, n_columns - k)[n_columns - k]
        above = np.flatnonzero(row > cut)
        above = above[np.argsort(-row[above], kind="stable")]
        # Ties at the cut are broken by column here: the partition would break them at random.
        level = np.flatnonzero(row == cut)[: k - above.size] if cut > -np.inf else above[:0]
        chosen = np.concatenate([above, level])
        ids[query, : chosen.size] = chosen
        best[query, : chosen.size] = row[chosen]
    return Ranked(ids, best)


class NearestWords:
    """Scores of all predictable words of one table. Keeps dense float32 copies: 8 n_outputs d bytes at most.

    Safe to share between threads.
    """

    __slots__ = ("_offset", "_outputs", "_table", "_unit_inputs")

    def __init__(self, table: WordVectors, *, prior_power: float = PRIOR_POWER) -> None:
        """Prepare the dense matrices of ``table``; in-out needs output vectors, cosine does not."""
        self._table = table
        self._unit_inputs = unit_rows(table.take_input(np.arange(table.n_outputs)))
        self._outputs = np.ascontiguousarray(table.dense_output().T) if table.has_outputs else None
        self._offset = (prior_power * table.log_prior).astype(np.float32)
        if table.output_bias is not None:
            self._offset = self._offset + table.output_bias

    @property
    def unit_inputs(self) -> NDArray[np.float32]:
        """(n_outputs, d) input vectors at length 1 of the words that can be predicted."""
        return self._unit_inputs

    def cosine(self, contexts: Sequence[Ids]) -> NDArray[np.float32]:
        """Return (q, n_outputs) cosines, -1 to 1, to the mean of each context's input vectors.

        An empty context, or one whose mean is the zero vector, has cosine 0 to everything.
        """
        scores = np.zeros((len(contexts), self._table.n_outputs), dtype=np.float32)
        for query, context in enumerate(contexts):
            if len(context):
                mean = self._table.take_input(np.asarray(context)).mean(axis=0, keepdims=True)
                scores[query] = self._unit_inputs @ unit_rows(mean)[0]
        return scores

    def in_out(self, contexts: Sequence[Ids]) -> NDArray[np.float32]:
        """Return (q, n_outputs) sums over each context's words s of softmax over t of in_s · out_t + 0.75 log p_t.

        Each word brings a whole probability, so scores lie between 0 and the number of words; summing after the
        softmax lets one telling word win where an average of logits would drown it. An empty context scores 0.

        Raises:
            DataError: the table has no output vectors.
        """
        if self._outputs is None:
            raise DataError("in-out scores need output vectors, and this table has none; use cosine or train again")
        scores = np.zeros((len(contexts), self._table.n_outputs), dtype=np.float32)
        for query, context in enumerate(contexts):
            if len(context):
                logits = self._table.take_input(np.asarray(context)) @ self._outputs
                logits += self._offset
                logits -= logits.max(axis=1, keepdims=True)
                np.exp(logits, out=logits)
                scores[query] = (logits / logits.sum(axis=1, keepdims=True)).sum(axis=0)
        return scores


def unit_rows(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the rows of ``matrix`` (n, d) at length 1; a zero row stays zero."""
    lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    return (matrix / np.where(lengths > 0, lengths, 1.0)).astype(np.float32)
