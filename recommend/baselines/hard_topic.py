"""Hard routing as published: the best topic's hashtags alone, ranked by another method."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.query import Query
from recommend.baselines.method import Baseline, Corpus, TopicMixture

_OUTSIDE = np.float32(-1e6)
"""Far below any score, and finite."""


class HardTopic(Baseline):
    """Scores are those of another baseline; hashtags that no post of the best topic carries come last.

    Args:
        corpus: its counts must be by topic.
        method: ranks.
        mixture: gives the topics of queries.
    """

    def __init__(self, corpus: Corpus, method: Baseline, mixture: TopicMixture) -> None:
        super().__init__(method.tags)
        self.name = f"{method.name}, hard routing"
        self._method = method
        self._mixture = mixture
        # The method may have another vocabulary than the corpus: what the corpus does not know is in no topic.
        known = np.array([column for column, tag in enumerate(method.tags) if len(corpus.counts.tag_ids([tag]))])
        rows = corpus.counts.tag_ids(method.tags)
        used = np.zeros((len(corpus.counts.by_topic), len(method.tags)), dtype=np.bool_)
        for topic, counts in enumerate(corpus.counts.by_topic):
            used[topic, known] = counts.tag_posts[rows] > 0
        # A topic that no post belongs to leaves everything open.
        self._closed = ~used & used.any(axis=1, keepdims=True)

    def score(self, queries: Sequence[Query]) -> NDArray[np.float32]:
        """Return (q, n_tags) scores of the method, lowered outside of each query's best topic."""
        best = np.asarray(self._mixture(queries)).argmax(axis=1)
        return np.where(self._closed[best], _OUTSIDE, self._method.score(queries))
