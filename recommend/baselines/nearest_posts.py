"""What the 50 most similar training posts carry: k nearest neighbours on tf-idf of words and hashtags."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.query import Query
from recommend.baselines.method import Baseline, Corpus, densified, membership

N_NEIGHBOURS = 50


class NearestPosts(Baseline):
    """Scores are sums of the neighbours' cosines over those that carry the hashtag, 0 to 50."""

    name = "50 nearest posts"

    def __init__(self, corpus: Corpus) -> None:
        """Fit to ``corpus``, whose posts are kept: this one needs every post at hand."""
        super().__init__(corpus.tags)
        self._counts = corpus.counts
        whole = corpus.counts.whole
        uses = np.concatenate([whole.tag_posts, whole.word_posts]).astype(np.float64)
        self._idf = np.log(max(whole.n_posts, 1) / uses) + 1.0
        ids = [self._tokens(post.hashtags, post.words) for post in corpus.posts]
        self._tokens_by_post = self._vectors(ids).T.tocsr()
        tag_ids = [corpus.counts.tag_ids(post.hashtags) for post in corpus.posts]
        self._carries = membership(tag_ids, len(self._tags), [np.ones(len(row)) for row in tag_ids])

    def score(self, queries: Sequence[Query]) -> NDArray[np.float32]:
        """Return (q, n_tags) sums of cosines; of posts equally near the earlier ones are taken."""
        similar = (self._vectors([self._tokens(q.seeds, q.words) for q in queries]) @ self._tokens_by_post).tocsr()
        ids, weights = [], []
        for place in range(len(queries)):
            start, end = similar.indptr[place], similar.indptr[place + 1]
            posts, cosines = similar.indices[start:end], similar.data[start:end]
            nearest = np.lexsort((posts, -cosines))[:N_NEIGHBOURS]
            ids.append(posts[nearest].astype(np.int64))
            weights.append(cosines[nearest])
        return densified(membership(ids, similar.shape[1], weights) @ self._carries)

    def _tokens(self, hashtags: Sequence[str], words: Sequence[str]) -> NDArray[np.int64]:
        return np.concatenate([self._counts.tag_ids(hashtags), len(self._tags) + self._counts.word_ids(words)])

    def _vectors(self, ids: Sequence[NDArray[np.int64]]) -> Any:
        """Return the (len(ids), n_tokens) scipy matrix of unit idf rows."""
        weights = [self._idf[row] / max(float(np.linalg.norm(self._idf[row])), 1e-12) for row in ids]
        return membership(ids, len(self._idf), weights)
