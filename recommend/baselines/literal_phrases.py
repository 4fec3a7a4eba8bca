"""The caption's own words and runs of words, written as hashtags."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.query import Query
from core.text.caption import phrases
from recommend.baselines.method import Baseline, Corpus

MAX_WORDS = 4


class LiteralPhrases(Baseline):
    """Scores are 1 plus the phrase's words for hashtags that stand in the caption, raised by how likely a use is.

    The larger the share of posts with a word in the caption that also tag it, the more often the word is what its
    post is about.
    """

    name = "literal caption words and phrases"

    def __init__(self, corpus: Corpus) -> None:
        super().__init__(corpus.tags)
        counts = corpus.counts
        self._share = np.zeros(len(self.tags), dtype=np.float32)
        for row, tag in enumerate(self.tags):
            for word in counts.word_ids([tag]).tolist():
                self._share[row] = counts.whole.word_tag.count(word, row) / (int(counts.whole.word_posts[word]) + 10.0)

    def score(self, queries: Sequence[Query]) -> NDArray[np.float32]:
        """Return (q, n_tags): number of words plus the share of posts that tag the word; 0 when not in the caption."""
        scores = np.zeros((len(queries), len(self.tags)), dtype=np.float32)
        for row, query in enumerate(queries):
            for joined, _, n_words in phrases(query.words, MAX_WORDS):
                tag = self._row_of.get(joined)
                if tag is not None:
                    scores[row, tag] = max(scores[row, tag], n_words + self._share[tag])
        return scores
