"""What all baselines share: the corpus they learn from and the way that scores become a ranked list."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from core.query import Query
from embeddings.cooccurrence import Counts, TokenisedPost, count_posts, distinct_posts
from embeddings.nearest import top_k

BATCH_QUERIES = 256
MIN_POSTS = 3

TopicMixture = Callable[[Sequence[Query]], NDArray[np.float32]]
"""Queries to (q, n_topics) probabilities, made from the queries alone."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """What baselines are fitted to.

    Attributes:
        posts: training posts, copies left out.
        counts: their counts, no cell left out; a hashtag or word needs three posts, of whatever authors.
    """

    posts: tuple[TokenisedPost, ...]
    counts: Counts

    @property
    def tags(self) -> tuple[str, ...]:
        """The hashtags that can be suggested, most used first."""
        return self.counts.tags


def build_corpus(
    posts: Sequence[TokenisedPost],
    topics: Sequence[str] = (),
    topic_weights: NDArray[np.floating[Any]] | None = None,
) -> Corpus:
    """Return the corpus of ``posts``, copies left out.

    Args:
        posts: training posts.
        topics: names of the columns of ``topic_weights``.
        topic_weights: (n_posts, n_topics) how much each post belongs to each topic, or None.

    Raises:
        DataError: too few posts, or weights of another shape.
    """
    kept = distinct_posts(posts)
    weights = None if topic_weights is None else topic_weights[kept]
    distinct = tuple(posts[index] for index in kept)
    counts = count_posts(distinct, topics=topics, topic_weights=weights, min_posts=MIN_POSTS, min_authors=1, min_cell=1)
    return Corpus(distinct, counts)


class Baseline(ABC):
    """A published method: fitted when made, then asked for ranked hashtags. No state changes when asked.

    Methods that learn from posts take the ``Corpus`` that they are fitted to.

    Args:
        tags: the hashtags that can be suggested, most used first, so that ties go to the more popular.

    Attributes:
        name: short and stable; figures are filed under it.
        tags: the columns of the scores.
    """

    name: str

    def __init__(self, tags: tuple[str, ...]) -> None:
        self.tags = tags
        self._row_of = {tag: row for row, tag in enumerate(tags)}

    @abstractmethod
    def score(self, queries: Sequence[Query]) -> NDArray[np.float32]:
        """Return (q, n_tags) finite scores, higher is better; equal to 1e-5 alone and in a batch."""

    def rank(self, queries: Sequence[Query], k: int) -> list[list[str]]:
        """Return for each query the k best hashtags; its seeds and exclusions never come back."""
        ranked: list[list[str]] = []
        for start in range(0, len(queries), BATCH_QUERIES):
            batch = queries[start : start + BATCH_QUERIES]
            best = top_k(self.score(batch), k, [self._banned(query) for query in batch])
            ranked.extend([self.tags[row] for row in rows if row >= 0] for rows in best.ids.tolist())
        return ranked

    def _banned(self, query: Query) -> NDArray[np.int64]:
        banned = (self._row_of.get(tag) for tag in (*query.seeds, *query.options.exclude))
        return np.array([row for row in banned if row is not None], dtype=np.int64)


def sums_over(ids: Sequence[NDArray[np.int64]], n_columns: int) -> Any:
    """Return the scipy (len(ids), n_columns) matrix that, times values, gives each row the sum of those at its ids."""
    return weighted_sums(ids, n_columns, [np.ones(len(row)) for row in ids])


def means_over(ids: Sequence[NDArray[np.int64]], n_columns: int) -> Any:
    """Return the same that averages; 0 for a row without ids."""
    return weighted_sums(ids, n_columns, [np.full(len(row), 1.0 / max(len(row), 1)) for row in ids])


def weighted_sums(ids: Sequence[NDArray[np.int64]], n_columns: int, weights: Sequence[Any]) -> Any:
    """Return the scipy (len(ids), n_columns) matrix with ``weights`` at each row's ids, 0 elsewhere."""
    columns = np.concatenate([np.zeros(0, dtype=np.int64), *ids])
    values = np.concatenate([np.zeros(0), *weights]).astype(np.float32)
    starts = np.concatenate([[0], np.cumsum([len(row) for row in ids])]).astype(np.int64)
    return sp.csr_matrix((values, columns, starts), shape=(len(ids), n_columns))


def unit(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a vector at length 1; zeros stay zeros."""
    return values / max(float(np.linalg.norm(values)), 1e-12)


def densified(matrix: Any) -> NDArray[np.float32]:
    """Return a scipy matrix as a dense float32 array."""
    return np.asarray(matrix.toarray(), dtype=np.float32)
