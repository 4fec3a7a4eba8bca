"""What a text signal is, and what all of them read of one query.

A new signal is one class in ``recommend/signals/text.py``, or for pictures in ``recommend/signals/pictures.py``, and an
entry in the list of that file, beside those of its input.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from core.query import Query
from core.text.caption import STOP_WORDS
from embeddings.context import join
from embeddings.tag_habits import spelt_out
from recommend.knowledge.opening import Knowledge
from recommend.routing import routed, topic_mixture

Floats = NDArray[np.float32]
Input = Literal["image", "caption", "seeds", "text", "popularity"]
"""What a signal can speak for; "text" is caption and seeds together, "popularity" is true of every post."""

MIN_CONTENT_LETTERS = 3
"""Shorter words share their n-grams with everything."""


class TextSignal(ABC):
    """One number for each hashtag, from the caption, the seeds or both. Safe to share between threads.

    Args:
        knowledge: of the bundle; what is the same for every query is prepared from it.

    Attributes:
        name: of the signal and of its column in the ranker's table.
        speaks_for: the input whose part of a score its column counts to.
        source: where the formula in the docstring of ``compute`` comes from.
        quota: how many of the hashtags with the highest values become candidates.
        quota_above: only hashtags with a higher value than this become candidates.
        ranked: whether the ranker has a column for it.
        behind: whether the ranker has a second column for it, the distance to the best candidate's value.
    """

    name: ClassVar[str]
    speaks_for: ClassVar[Input]
    source: ClassVar[str]
    quota: ClassVar[int] = 0
    quota_above: ClassVar[float] = 0.0
    ranked: ClassVar[bool] = True
    behind: ClassVar[bool] = False

    def __init__(self, knowledge: Knowledge) -> None:
        self.knowledge = knowledge

    @abstractmethod
    def compute(self, text: TextSignals) -> Floats:
        """Return (n_tags,) the values; all 0 when the input that the signal speaks for is absent."""


class TextSignals:
    """What caption and seeds of one query say: what signals read, and the signals themselves.

    Args:
        knowledge: of the bundle.
        query: what is asked; where it has neither caption nor seeds, signals say what is true of any post.
        signals: of the same bundle; each may read the columns of those before it.

    Raises:
        InvalidOption: the query names a topic that the bundle does not have.

    Attributes:
        query: what was asked.
        distinct_words: the caption's words, each once.
        content_words: those of them that are not stop words and long enough to be compared letter by letter.
        words: rows of the known caption words.
        pairs: rows of the known pairs of neighbouring caption words.
        seeds: rows of the known seeds.
        said: row -> (position, number of words) of the hashtags that the caption spells out.
        word_vectors: (n_words, d) context vectors of the caption's words.
        seed_vectors: (n_seeds, d) context vectors of the seeds.
        context: (d,) context vector of both together.
        mixture: the topics of the query.
        shares: (n_topics,) the topics that the tables are mixed by; a picture has no say in them.
    """

    def __init__(self, knowledge: Knowledge, query: Query, signals: Sequence[TextSignal]) -> None:
        self._knowledge = knowledge
        self._signals = signals
        counts, alone = knowledge.counts, without_image(query)
        self.query = query
        self.distinct_words = tuple(dict.fromkeys(query.words))
        self.content_words = tuple(
            word for word in self.distinct_words if len(word) >= MIN_CONTENT_LETTERS and word not in STOP_WORDS
        )
        self.words = counts.word_ids(self.distinct_words)
        self.pairs = counts.word_ids(
            f"{first} {second}" for first, second in zip(query.words, query.words[1:], strict=False)
        )
        self.seeds = knowledge.known_tags(query.seeds)
        self.said = spelt_out(query.words, knowledge.tag_row)
        self.word_vectors = knowledge.context.word_vectors(self.distinct_words)
        self.seed_vectors = knowledge.context.tag_vectors(query.seeds)
        self.context = join(self.word_vectors, self.seed_vectors)
        of_text = topic_mixture(knowledge, alone, self.context)
        self.mixture = of_text if query.image is None else topic_mixture(knowledge, query, self.context)
        self.shares = routed(of_text, query.options.routing)
        self._columns: dict[str, Floats] = {}
        for signal in signals:
            self._columns[signal.name] = np.asarray(signal.compute(self), dtype=np.float32)

    @cached_property
    def logits(self) -> Floats:
        """(n_tags,) o_t . x + b_t of the global context table, x being the context vector."""
        logits: Floats = self.column("caption_says") + self.column("seeds_say") + self._knowledge.context.bias
        return logits

    def column(self, name: str) -> Floats:
        """Return the signal of that name, (n_tags,) float32."""
        return self._columns[name]

    def candidates(self) -> set[int]:
        """Return the rows of the hashtags to be ranked: all that the caption spells out, and each signal's best."""
        chosen = set(self.said)
        for signal in self._signals:
            if signal.quota:
                chosen.update(best_rows(self.column(signal.name), signal.quota, above=signal.quota_above))
        return chosen


def best_rows(scores: Floats, n: int, *, above: float = -np.inf) -> list[int]:
    """Return the rows of the ``n`` highest of ``scores`` (n_tags,) that are over ``above``, in no order.

    Ties at the end are broken by row, so that the same scores give the same rows.
    """
    n = min(n, len(scores))
    cut = np.partition(scores, len(scores) - n)[len(scores) - n] if n else np.inf
    over = np.flatnonzero(scores > max(cut, above))
    ties = np.flatnonzero(scores == cut)[: n - len(over)] if cut > above else over[:0]
    rows: list[int] = [*over.tolist(), *ties.tolist()]
    return rows


def without_image(query: Query) -> Query:
    """Return the same query as if no picture had come with it."""
    return Query(words=query.words, seeds=query.seeds, image=None, options=query.options)
