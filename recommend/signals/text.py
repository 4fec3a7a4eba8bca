"""What caption and seeds say about every hashtag: one column a signal, one row a hashtag.

Each signal has a group, the input that it speaks for. ``context`` and ``topics`` read caption and seeds together;
what they bring is shared out by how much each input's own sum o_t . x says (``caption_says``, ``seeds_say``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.query import Query
from core.text.caption import STOP_WORDS
from embeddings.context import join, log_softmax
from embeddings.cooccurrence import tags_given_seeds, tags_given_words
from embeddings.nearest import unit_rows
from embeddings.sparse import CountMatrix
from embeddings.tag_habits import spelt_out
from embeddings.tokens import word_token
from recommend.knowledge.opening import Knowledge
from recommend.routing import Mixture, mixed_log_probability, routed, topic_mixture

Floats = NDArray[np.float32]
Group = Literal["caption", "seeds", "text", "popularity"]

SIGNALS: dict[str, Group] = {
    "seed_share": "seeds",
    "seed_share_best": "seeds",
    "seed_lift": "seeds",
    "seed_spelling": "seeds",
    "seed_meaning": "seeds",
    "seeds_say": "seeds",
    "word_share": "caption",
    "word_share_best": "caption",
    "word_lift": "caption",
    "pair_lift": "caption",
    "pair_share_best": "caption",
    "said": "caption",
    "said_words": "caption",
    "word_spelling": "caption",
    "word_meaning": "caption",
    "caption_says": "caption",
    "context": "text",
    "topics": "text",
    "log_prior": "popularity",
    "captioned_prior": "popularity",
    "letters": "popularity",
    "said_habit": "popularity",
    "n_words": "popularity",
    "n_seeds": "popularity",
    "n_unknown_seeds": "popularity",
    "topic_sure": "popularity",
}
"""Every column, in order, with the input it speaks for; "text" is caption and seeds together."""
NAMES = tuple(SIGNALS)
N_DENSE = NAMES.index("log_prior")
RELATIVE = ("seed_share", "word_share", "word_lift", "context")
"""Signals that are also given as their distance to the best candidate's."""
TOPIC_GAIN = "topic_gain"
"""What the ranker sees of ``topics``: how much more than ``context`` it says. Small trees cannot take a difference."""
COLUMNS = (*(TOPIC_GAIN if name == "topics" else name for name in NAMES), *(f"{name}_behind" for name in RELATIVE))
GROUPS: tuple[Group, ...] = (*SIGNALS.values(), *(SIGNALS[name] for name in RELATIVE))

SEED_LIFT_SMOOTHING = 5.0
WORD_LIFT_SMOOTHING = 5.0
PAIR_SMOOTHING = 3.0
SAID_SMOOTHING = 5.0
_MIN_SPELT = 3  # shorter words share their n-grams with everything


@dataclass(frozen=True, slots=True)
class TextSignals:
    """The signals of one query.

    Attributes:
        dense: (N_DENSE, n_tags) float32, in the order of ``SIGNALS``.
        context: (d,) float32 context vector of caption words and seeds.
        logits: (n_tags,) float32 of the global context table.
        mixture: the topics of the query.
        words, pairs: rows of the known caption words and neighbouring pairs.
        seeds: rows of the known seeds.
        said: row -> (place, number of words) of the hashtags that the caption spells out.
        query_facts: (4,) known and unknown counts, and the share of the likeliest topic, as ``SIGNALS`` names them.
    """

    dense: Floats
    context: Floats
    logits: Floats
    mixture: Mixture
    words: NDArray[np.int64]
    pairs: NDArray[np.int64]
    seeds: NDArray[np.int64]
    said: dict[int, tuple[int, int]]
    query_facts: Floats

    def column(self, name: str) -> Floats:
        """Return the dense signal of that name, (n_tags,)."""
        column: Floats = self.dense[NAMES.index(name)]
        return column


class SignalMaker:
    """Computes signals from a bundle's knowledge. Safe to share between threads."""

    def __init__(self, knowledge: Knowledge) -> None:
        """Prepare what is the same for every query."""
        self.knowledge = knowledge
        whole, habits = knowledge.counts.whole, knowledge.habits
        self._tag_share = (whole.tag_posts / max(1, whole.n_posts)).astype(np.float32)
        self._captioned_share = ((habits.captioned + 0.5) / (habits.n_captioned + 1)).astype(np.float32)
        general = habits.said_and_used.sum() / max(1, habits.said.sum())
        self._said_habit = ((habits.said_and_used + SAID_SMOOTHING * general) / (habits.said + SAID_SMOOTHING)).astype(
            np.float32
        )
        letters = np.array([len(tag) for tag in knowledge.tags], dtype=np.float32)
        self._facts = np.stack([np.log(self._tag_share), np.log(self._captioned_share), letters, self._said_habit])

    def signals(self, query: Query) -> TextSignals:
        """Return what caption and seeds of ``query`` say; where there is neither, what the tables say of any post.

        Raises:
            InvalidOption: the query names a topic that the bundle does not have.
        """
        knowledge, whole = self.knowledge, self.knowledge.counts.whole
        words_used = tuple(dict.fromkeys(query.words))
        seeds = knowledge.known_tags(query.seeds)
        words = knowledge.counts.word_ids(words_used)
        pairs = knowledge.counts.word_ids(
            f"{first} {second}" for first, second in zip(query.words, query.words[1:], strict=False)
        )
        said = spelt_out(query.words, knowledge.tag_row)
        dense = np.zeros((N_DENSE, len(knowledge.tags)), np.float32)

        def put(name: str, column: Floats) -> None:
            dense[NAMES.index(name)] = column

        put("seed_share", tags_given_seeds(whole, seeds))
        put("seed_share_best", best_share(whole.tag_tag, whole.tag_posts, seeds, 5.0))
        put("seed_lift", self._lift(whole.tag_tag, whole.tag_posts, seeds, self._tag_share, SEED_LIFT_SMOOTHING))
        put("seed_spelling", knowledge.spelling.likeness(query.seeds))
        put("word_share", tags_given_words(whole, words))
        put("word_share_best", best_share(whole.word_tag, whole.word_posts, words, 10.0))
        lift = self._lift(whole.word_tag, whole.word_posts, words, self._captioned_share, WORD_LIFT_SMOOTHING)
        put("word_lift", lift / np.float32(max(1, len(words)) ** 0.5))
        put(
            "pair_lift", self._lift(whole.word_tag, whole.word_posts, pairs, self._captioned_share, WORD_LIFT_SMOOTHING)
        )
        put("pair_share_best", best_share(whole.word_tag, whole.word_posts, pairs, PAIR_SMOOTHING))
        for row, (_, n_words) in said.items():
            dense[NAMES.index("said"), row] = self._said_habit[row]
            dense[NAMES.index("said_words"), row] = n_words
        content = [word for word in words_used if len(word) >= _MIN_SPELT and word not in STOP_WORDS]
        put("word_spelling", knowledge.spelling.likeness(content))
        told = knowledge.meaning.take_input(knowledge.meaning.ids(map(word_token, content)))
        for name, meanings in (("seed_meaning", knowledge.tag_meanings[seeds]), ("word_meaning", unit_rows(told))):
            if len(meanings):
                put(name, self._likeness(meanings))

        embedding = knowledge.context
        word_vectors, seed_vectors = embedding.word_vectors(words_used), embedding.tag_vectors(query.seeds)
        context = join(word_vectors, seed_vectors)
        n = max(1, len(word_vectors) + len(seed_vectors)) ** 0.5
        for name, vectors in (("caption_says", word_vectors), ("seeds_say", seed_vectors)):
            if len(vectors):
                put(name, embedding.outputs @ (vectors.sum(axis=0) / np.float32(n)))
        logits = dense[NAMES.index("caption_says")] + dense[NAMES.index("seeds_say")] + embedding.bias
        put("context", log_softmax(logits))
        mixture = topic_mixture(knowledge, query, context)
        text_topics = mixture if mixture.origin != "image" else topic_mixture(knowledge, without_image(query), context)
        shares = routed(text_topics, query.options.routing)
        put("topics", mixed_log_probability(knowledge, context, logits, shares))
        unknown = len(query.seeds) - len(seeds)
        facts = np.array([len(words_used), len(seeds), unknown, shares.max(initial=0)], np.float32)
        return TextSignals(dense, context, logits, mixture, words, pairs, seeds, said, facts)

    def table(self, signals: TextSignals, candidates: NDArray[np.int64]) -> Floats:
        """Return (n_candidates, len(COLUMNS)) the ranker's input."""
        dense = signals.dense[:, candidates]
        dense[NAMES.index("topics")] -= dense[NAMES.index("context")]
        query_facts = np.repeat(signals.query_facts[:, None], len(candidates), axis=1)
        relative = dense[[NAMES.index(name) for name in RELATIVE]]
        relative = relative - relative.max(axis=1, keepdims=True) if len(candidates) else relative
        return np.ascontiguousarray(
            np.concatenate([dense, self._facts[:, candidates], query_facts, relative]).T, dtype=np.float32
        )

    @property
    def log_prior(self) -> Floats:
        """(n_tags,) natural logarithm of the share of posts that carry each hashtag."""
        log_prior: Floats = self._facts[0]
        return log_prior

    @property
    def general_prior(self) -> Floats:
        """(n_tags,) mean log share of posts at large and of posts with captions: low for what one source alone uses."""
        general: Floats = self._facts[:2].mean(axis=0)
        return general

    def _likeness(self, vectors: Floats) -> Floats:
        """Return (n_tags,) the cosine in the general word space of each hashtag to the mean of unit ``vectors``."""
        mean = vectors.sum(axis=0)
        length = float(np.linalg.norm(mean))
        cosine: Floats = self.knowledge.tag_meanings @ (mean / np.float32(max(length, 1e-9)))
        return cosine

    def _lift(
        self, together: CountMatrix, uses: NDArray[np.uint32], rows: NDArray[np.int64], prior: Floats, smoothing: float
    ) -> Floats:
        """Return (n_tags,) the sum over ``rows`` of log((c + k p) / ((n + k) p)) where it is positive.

        That is the evidence of naive Bayes with k pseudo-posts drawn from the prior p; evidence against a hashtag is
        left out, because most posts leave out most of what would fit them.
        """
        total = np.zeros(len(self.knowledge.tags), np.float32)
        for row in rows:
            tags, counts = together.row(int(row))
            expected = prior[tags]
            gain = np.log((counts + smoothing * expected) / ((float(uses[row]) + smoothing) * expected))
            total[tags] += np.maximum(gain, 0).astype(np.float32)
        return total


def best_share(together: CountMatrix, uses: NDArray[np.uint32], rows: NDArray[np.int64], smoothing: float) -> Floats:
    """Return (n_tags,) the highest count(row, t) / (n_row + smoothing) over ``rows``; zeros without any."""
    best = np.zeros(together.n_columns, np.float32)
    for row in rows:
        tags, counts = together.row(int(row))
        best[tags] = np.maximum(best[tags], counts / np.float32(float(uses[row]) + smoothing))
    return best


def without_image(query: Query) -> Query:
    """Return the same query as if no picture had come with it."""
    return Query(words=query.words, seeds=query.seeds, image=None, options=query.options)
