"""What the 50 most similar training posts carry: k nearest neighbours on tf-idf of words and hashtags."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.query import Query
from recommend.baselines.method import Baseline, Corpus, densified, sums_over, unit, weighted_sums

N_NEIGHBOURS = 50


class NearestPosts(Baseline):
    """Scores are sums of the cosines of the neighbours that carry the hashtag, 0 to 50; every post is kept at hand."""

    name = "50 nearest posts"

    def __init__(self, corpus: Corpus) -> None:
        super().__init__(corpus.tags)
        self._counts = corpus.counts
        whole = corpus.counts.whole
        uses = np.concatenate([whole.tag_posts, whole.word_posts]).astype(np.float64)
        self._idf = np.log(max(whole.n_posts, 1) / uses) + 1.0
        ids = [self._tokens(post.hashtags, post.words) for post in corpus.posts]
        self._tokens_by_post = self._vectors(ids).T.tocsr()
        tag_ids = [corpus.counts.tag_ids(post.hashtags) for post in corpus.posts]
        self._carries = sums_over(tag_ids, len(self.tags))

    def score(self, queries: Sequence[Query]) -> NDArray[np.float32]:
        """Return (q, n_tags) sums of cosines; of posts equally near the earlier ones are taken."""
        similar = (self._vectors([self._tokens(q.seeds, q.words) for q in queries]) @ self._tokens_by_post).tocsr()
        ids, weights = [], []
        for start, end in pairwise(similar.indptr):
            posts, cosines = similar.indices[start:end], similar.data[start:end]
            nearest = np.lexsort((posts, -cosines))[:N_NEIGHBOURS]
            ids.append(posts[nearest].astype(np.int64))
            weights.append(cosines[nearest])
        return densified(weighted_sums(ids, similar.shape[1], weights) @ self._carries)

    def _tokens(self, hashtags: Sequence[str], words: Sequence[str]) -> NDArray[np.int64]:
        return np.concatenate([self._counts.tag_ids(hashtags), len(self.tags) + self._counts.word_ids(words)])

    def _vectors(self, ids: Sequence[NDArray[np.int64]]) -> Any:
        """Return the (len(ids), n_tokens) scipy matrix of unit idf rows."""
        weights = [unit(self._idf[row]) for row in ids]
        return weighted_sums(ids, len(self._idf), weights)
