"""The most used hashtags of the query's topics: the published fallback for a picture without seeds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.query import Query
from recommend.baselines.method import Baseline, Corpus, TopicMixture


class TopicPopularity(Baseline):
    """Scores are expected shares of posts under the query's topic mixture, 0 to 1.

    Args:
        corpus: its counts must be by topic, in the order of the mixture's columns.
        mixture: gives the topics of queries.
    """

    name = "popularity in topics"

    def __init__(self, corpus: Corpus, mixture: TopicMixture) -> None:
        super().__init__(corpus.tags)
        shares = [topic.tag_posts / max(topic.n_posts, 1) for topic in corpus.counts.by_topic]
        self._shares = np.stack(shares).astype(np.float32)
        self._mixture = mixture

    def score(self, queries: Sequence[Query]) -> NDArray[np.float32]:
        """Return (q, n_tags) sums over topics of P(topic given query) times the hashtag's share there."""
        return np.asarray(self._mixture(queries), dtype=np.float32) @ self._shares
