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

    A caption word is more often the topic of its post the larger the share of its posts that tag it.
    """

    name = "literal caption words and phrases"

    def __init__(self, corpus: Corpus) -> None:
        """Fit to ``corpus``: how often posts whose caption has the word also carry it as a hashtag."""
        super().__init__(corpus.tags)
        counts = corpus.counts
        self._share = np.zeros(len(self._tags), dtype=np.float32)
        for row, tag in enumerate(self._tags):
            for word in counts.word_ids([tag]).tolist():
                self._share[row] = counts.whole.word_tag.count(word, row) / (int(counts.whole.word_posts[word]) + 10.0)

    def score(self, queries: Sequence[Query]) -> NDArray[np.float32]:
        """Return (q, n_tags): number of words plus the share of posts that tag the word; 0 when not in the caption."""
        scores = np.zeros((len(queries), len(self._tags)), dtype=np.float32)
        for place, query in enumerate(queries):
            for joined, _, n_words in phrases(query.words, MAX_WORDS):
                row = self._row_of.get(joined)
                if row is not None:
                    scores[place, row] = max(scores[place, row], n_words + self._share[row])
        return scores
