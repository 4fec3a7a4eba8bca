"""The published scorers over one Word2Vec table, with the exact part that each input brings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.query import Query
from embeddings.tokens import word_token
from recommend.knowledge.opening import Knowledge
from recommend.signals.text import TextSignals


def published_scores(
    knowledge: Knowledge, query: Query, text: TextSignals
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the hashtags that can be answered and, (n, 4), what picture, caption, seeds and popularity bring to each.

    ``cosine`` is the cosine to the mean of the input vectors of caption words and seeds; ``in_out`` sums each one's
    softmax. Both are sums over the tokens, so their parts are exact. With routing ``hard`` only hashtags that posts of
    the best topic use are answered; the picture does no more than name that topic.
    """
    table, nearest = knowledge.word2vec, knowledge.nearest
    words = table.ids(map(word_token, dict.fromkeys(query.words)))
    seeds = table.ids(query.seeds)
    n_tags = len(knowledge.tags)
    rows = np.arange(n_tags)
    if query.options.routing == "hard":
        best = knowledge.counts.by_topic[int(text.mixture.topics.argmax())]
        used = np.flatnonzero(best.tag_posts)
        rows = used if len(used) else rows
    parts = np.zeros((n_tags, 4))
    if query.options.scorer == "in_out":
        parts[:, 1], parts[:, 2] = nearest.in_out([words, seeds])
    elif len(words) + len(seeds):
        vectors = [table.take_input(ids).sum(axis=0) for ids in (words, seeds)]
        length = max(float(np.linalg.norm(vectors[0] + vectors[1])), 1e-9)
        parts[:, 1], parts[:, 2] = (nearest.unit_inputs @ (vector / length) for vector in vectors)
    return rows, parts[rows]
