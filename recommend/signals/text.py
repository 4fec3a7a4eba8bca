"""The text signals: what caption and seeds say about every hashtag, one class a signal.

In the formulas t is a hashtag, s a known seed, w a known caption word, c(a, t) the posts that have a and carry t, n_a
the posts that have a, and N all posts. ``Context`` and ``Topics`` read caption and seeds together; what they bring is
shared out by how much each input's own sum o_t . x says (``CaptionSays``, ``SeedsSay``).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.query import Query
from embeddings.context import log_softmax
from embeddings.cooccurrence import SEED_SMOOTHING, WORD_SMOOTHING, tags_given_seeds, tags_given_words
from embeddings.nearest import unit_rows
from embeddings.sparse import CountMatrix
from embeddings.tokens import word_token
from recommend.knowledge.opening import Knowledge
from recommend.routing import mixed_log_probability
from recommend.signals.base import Floats, Input, TextSignal, TextSignals
from recommend.signals.facts import (
    CaptionedPrior,
    Letters,
    LogPrior,
    NSeeds,
    NUnknownSeeds,
    NWords,
    SaidHabit,
    TopicSure,
    habit_of_saying,
    share_of_captioned_posts,
    share_of_posts,
)

SEED_LIFT_SMOOTHING = 5.0
WORD_LIFT_SMOOTHING = 5.0
PAIR_SMOOTHING = 3.0

_COOCCURRENCE = 'Sigurbjörnsson and van Zwol 2008, "Flickr tag recommendation based on collective knowledge"'
_NAIVE_BAYES = 'Zhang 2004, "The Optimality of Naive Bayes": positive evidence alone, with pseudo-posts of the prior'
_SPELLING = "recommend/knowledge/spelling.py"
_MEANING = 'Pennington et al. 2014, "GloVe"'
_CONTEXT = 'Mikolov et al. 2013, "Efficient Estimation of Word Representations in Vector Space" (CBOW)'
_OURS = "docs/adr/0005-signals-and-rankers.md"


class SeedShare(TextSignal):
    """How many of the posts with a seed carry the hashtag."""

    name, speaks_for, source = "seed_share", "seeds", _COOCCURRENCE
    quota, behind = 60, True

    def compute(self, text: TextSignals) -> Floats:
        """Return the mean over s of c(s, t) / (n_s + 5)."""
        return tags_given_seeds(self.knowledge.counts.whole, text.seeds)


class SeedShareBest(TextSignal):
    """The same for the seed that says it most strongly."""

    name, speaks_for, source = "seed_share_best", "seeds", _COOCCURRENCE

    def compute(self, text: TextSignals) -> Floats:
        """Return the maximum over s of c(s, t) / (n_s + 5)."""
        whole = self.knowledge.counts.whole
        return best_share(whole.tag_tag, whole.tag_posts, text.seeds, SEED_SMOOTHING)


class SeedLift(TextSignal):
    """How much more often than in all posts the hashtag is carried beside the seeds."""

    name, speaks_for, source = "seed_lift", "seeds", _NAIVE_BAYES
    quota = 30

    def __init__(self, knowledge: Knowledge) -> None:
        super().__init__(knowledge)
        self._prior = share_of_posts(knowledge)

    def compute(self, text: TextSignals) -> Floats:
        """Return the sum over s of max(0, log((c(s, t) + 5 p) / ((n_s + 5) p))), p = n_t / N."""
        whole = self.knowledge.counts.whole
        return lift(whole.tag_tag, whole.tag_posts, text.seeds, self._prior, SEED_LIFT_SMOOTHING)


class SeedSpelling(TextSignal):
    """How much the hashtag is written like a seed."""

    name, speaks_for, source = "seed_spelling", "seeds", _SPELLING
    quota = 25

    def compute(self, text: TextSignals) -> Floats:
        """Return the maximum over all seeds of the cosine of character n-grams, 0 to 1."""
        return self.knowledge.spelling.likeness(text.query.seeds)


class SeedMeaning(TextSignal):
    """How close in meaning the hashtag is to the seeds."""

    name, speaks_for, source = "seed_meaning", "seeds", _MEANING

    def compute(self, text: TextSignals) -> Floats:
        """Return the cosine to the mean of the seeds' unit vectors, -1 to 1."""
        return likeness(self.knowledge, self.knowledge.tag_meanings[text.seeds])


class SeedsSay(TextSignal):
    """What the seeds add to the hashtag's logit in the context embedding."""

    name, speaks_for, source = "seeds_say", "seeds", _CONTEXT

    def compute(self, text: TextSignals) -> Floats:
        """Return o_t . (sum of the seeds' vectors) / sqrt(number of words and seeds)."""
        return said_by(self.knowledge, text, text.seed_vectors)


class WordShare(TextSignal):
    """How many of the posts whose captions have a word carry the hashtag."""

    name, speaks_for, source = "word_share", "caption", _COOCCURRENCE
    quota, behind = 50, True

    def compute(self, text: TextSignals) -> Floats:
        """Return the mean over w of c(w, t) / (n_w + 10), weighted by log(N / (1 + n_w))."""
        return tags_given_words(self.knowledge.counts.whole, text.words)


class WordShareBest(TextSignal):
    """The same for the word that says it most strongly."""

    name, speaks_for, source = "word_share_best", "caption", _COOCCURRENCE

    def compute(self, text: TextSignals) -> Floats:
        """Return the maximum over w of c(w, t) / (n_w + 10)."""
        whole = self.knowledge.counts.whole
        return best_share(whole.word_tag, whole.word_posts, text.words, WORD_SMOOTHING)


class WordLift(TextSignal):
    """How much more often than in captioned posts the hashtag is carried beside the words."""

    name, speaks_for, source = "word_lift", "caption", _NAIVE_BAYES
    quota, behind = 50, True

    def __init__(self, knowledge: Knowledge) -> None:
        super().__init__(knowledge)
        self._prior = share_of_captioned_posts(knowledge)

    def compute(self, text: TextSignals) -> Floats:
        """Return the sum over w of max(0, log((c(w, t) + 5 p) / ((n_w + 5) p))) / sqrt(number of w)."""
        whole = self.knowledge.counts.whole
        total = lift(whole.word_tag, whole.word_posts, text.words, self._prior, WORD_LIFT_SMOOTHING)
        return total / np.float32(max(1, len(text.words)) ** 0.5)


class PairLift(TextSignal):
    """How much more often than in captioned posts the hashtag is carried beside two words in a row."""

    name, speaks_for, source = "pair_lift", "caption", _NAIVE_BAYES

    def __init__(self, knowledge: Knowledge) -> None:
        super().__init__(knowledge)
        self._prior = share_of_captioned_posts(knowledge)

    def compute(self, text: TextSignals) -> Floats:
        """Return the sum of ``word_lift`` over the known pairs, not divided."""
        whole = self.knowledge.counts.whole
        return lift(whole.word_tag, whole.word_posts, text.pairs, self._prior, WORD_LIFT_SMOOTHING)


class PairShareBest(TextSignal):
    """How many of the posts with two words in a row carry the hashtag, for the pair that says it most strongly."""

    name, speaks_for, source = "pair_share_best", "caption", _COOCCURRENCE
    quota = 30

    def compute(self, text: TextSignals) -> Floats:
        """Return the maximum over the known pairs of c(pair, t) / (n_pair + 3)."""
        whole = self.knowledge.counts.whole
        return best_share(whole.word_tag, whole.word_posts, text.pairs, PAIR_SMOOTHING)


class Said(TextSignal):
    """How often posts whose captions spell the hashtag out carry it, where this caption spells it out."""

    name, speaks_for, source = "said", "caption", _OURS

    def __init__(self, knowledge: Knowledge) -> None:
        super().__init__(knowledge)
        self._habit = habit_of_saying(knowledge)

    def compute(self, text: TextSignals) -> Floats:
        """Return ``said_habit`` where the caption spells t out, else 0."""
        column = np.zeros(len(self.knowledge.tags), np.float32)
        for row in text.said:
            column[row] = self._habit[row]
        return column


class SaidWords(TextSignal):
    """How many words the caption spells the hashtag out with."""

    name, speaks_for, source = "said_words", "caption", _OURS

    def compute(self, text: TextSignals) -> Floats:
        """Return the number of words that spell t out, 0 to 4."""
        column = np.zeros(len(self.knowledge.tags), np.float32)
        for row, (_, n_words) in text.said.items():
            column[row] = n_words
        return column


class WordSpelling(TextSignal):
    """How much the hashtag is written like a word of the caption."""

    name, speaks_for, source = "word_spelling", "caption", _SPELLING
    quota = 25

    def compute(self, text: TextSignals) -> Floats:
        """Return the maximum over the content words of the cosine of character n-grams, 0 to 1."""
        return self.knowledge.spelling.likeness(text.content_words)


class WordMeaning(TextSignal):
    """How close in meaning the hashtag is to the caption's words."""

    name, speaks_for, source = "word_meaning", "caption", _MEANING

    def compute(self, text: TextSignals) -> Floats:
        """Return the cosine to the mean of the content words' unit vectors, -1 to 1."""
        table = self.knowledge.meaning
        return likeness(self.knowledge, unit_rows(table.take_input(table.ids(map(word_token, text.content_words)))))


class CaptionSays(TextSignal):
    """What the caption adds to the hashtag's logit in the context embedding."""

    name, speaks_for, source = "caption_says", "caption", _CONTEXT

    def compute(self, text: TextSignals) -> Floats:
        """Return o_t . (sum of the words' vectors) / sqrt(number of words and seeds)."""
        return said_by(self.knowledge, text, text.word_vectors)


class Context(TextSignal):
    """How probable the hashtag is in a post with this caption and these seeds."""

    name, speaks_for, source = "context", "text", _CONTEXT
    quota, quota_above, behind = 60, -np.inf, True

    def compute(self, text: TextSignals) -> Floats:
        """Return log softmax over all hashtags of o_t . x + b_t, x being the context vector."""
        return log_softmax(text.logits)


class Topics(TextSignal):
    """How probable the hashtag is when the topics' tables are mixed; it brings candidates and is ranked as a gain."""

    name, speaks_for, source = "topics", "text", _OURS
    quota, quota_above, ranked = 80, -np.inf, False

    def compute(self, text: TextSignals) -> Floats:
        """Return log of the sum over topics of P(topic) P(t | context, table of the topic)."""
        return mixed_log_probability(self.knowledge, text.context, text.logits, text.shares)


class TopicGain(TextSignal):
    """How much more probable the topics make the hashtag; small trees cannot take the difference themselves."""

    name, speaks_for, source = "topic_gain", "text", _OURS

    def compute(self, text: TextSignals) -> Floats:
        """Return ``topics`` - ``context``."""
        return text.column("topics") - text.column("context")


TEXT_SIGNALS: tuple[type[TextSignal], ...] = (
    SeedShare,
    SeedShareBest,
    SeedLift,
    SeedSpelling,
    SeedMeaning,
    SeedsSay,
    WordShare,
    WordShareBest,
    WordLift,
    PairLift,
    PairShareBest,
    Said,
    SaidWords,
    WordSpelling,
    WordMeaning,
    CaptionSays,
    Context,
    Topics,
    TopicGain,
    LogPrior,
    CaptionedPrior,
    Letters,
    SaidHabit,
    NWords,
    NSeeds,
    NUnknownSeeds,
    TopicSure,
)
"""Every text signal; each may read the columns of those before it.

Their order is that of the columns of rankers that are trained from now on; one that was trained before names its own.
"""

BEHIND = "_behind"
"""Ends the name of the column that holds the distance of a signal to the best candidate's."""
INPUT_OF: dict[str, Input] = {
    **{signal.name: signal.speaks_for for signal in TEXT_SIGNALS if signal.ranked},
    **{signal.name + BEHIND: signal.speaks_for for signal in TEXT_SIGNALS if signal.behind},
}
"""Every column that a ranker can have, with the input that it speaks for."""
COLUMNS = tuple(INPUT_OF)
"""The columns of a ranker that is trained now."""


class SignalMaker:
    """Computes the text signals from a bundle's knowledge. Safe to share between threads.

    Args:
        knowledge: of the bundle; an attribute, too.

    Attributes:
        general_prior: (n_tags,) mean log share of posts at large and of posts with captions: low for what one source
            alone uses.
    """

    def __init__(self, knowledge: Knowledge) -> None:
        self.knowledge = knowledge
        self._signals = [signal(knowledge) for signal in TEXT_SIGNALS]
        priors = np.stack([LogPrior(knowledge).values(knowledge), CaptionedPrior(knowledge).values(knowledge)])
        self.general_prior: Floats = priors.mean(axis=0)

    def signals(self, query: Query) -> TextSignals:
        """Return what caption and seeds of ``query`` say; where there is neither, what the tables say of any post.

        Raises:
            InvalidOption: the query names a topic that the bundle does not have.
        """
        return TextSignals(self.knowledge, query, self._signals)

    def table(self, signals: TextSignals, candidates: NDArray[np.int64], columns: Sequence[str] = COLUMNS) -> Floats:
        """Return (n_candidates, n_columns) the input of a ranker with those columns, each of ``INPUT_OF``."""
        table = np.empty((len(columns), len(candidates)), np.float32)
        for column, name in zip(table, columns, strict=True):
            column[:] = signals.column(name.removesuffix(BEHIND))[candidates]
            if name.endswith(BEHIND) and len(column):
                column -= column.max()
        return np.ascontiguousarray(table.T)


def best_share(together: CountMatrix, uses: NDArray[np.uint32], rows: NDArray[np.int64], smoothing: float) -> Floats:
    """Return (n_tags,) the highest count(row, t) / (n_row + smoothing) over ``rows``; zeros without any."""
    best = np.zeros(together.n_columns, np.float32)
    for row in rows:
        tags, counts = together.row(int(row))
        best[tags] = np.maximum(best[tags], counts / np.float32(float(uses[row]) + smoothing))
    return best


def lift(
    together: CountMatrix, uses: NDArray[np.uint32], rows: NDArray[np.int64], prior: Floats, smoothing: float
) -> Floats:
    """Return (n_tags,) the sum over ``rows`` of log((c + k p) / ((n + k) p)) where it is positive.

    That is the evidence of naive Bayes with k pseudo-posts drawn from the prior p; evidence against a hashtag is
    left out, because most posts leave out most of what would fit them.
    """
    total = np.zeros(together.n_columns, np.float32)
    for row in rows:
        tags, counts = together.row(int(row))
        expected = prior[tags]
        gain = np.log((counts + smoothing * expected) / ((float(uses[row]) + smoothing) * expected))
        total[tags] += np.maximum(gain, 0).astype(np.float32)
    return total


def likeness(knowledge: Knowledge, vectors: Floats) -> Floats:
    """Return (n_tags,) the cosine of each hashtag to the mean of unit ``vectors`` (n, m); zeros without any."""
    if not len(vectors):
        return np.zeros(len(knowledge.tags), np.float32)
    mean = vectors.sum(axis=0)
    length = float(np.linalg.norm(mean))
    cosine: Floats = knowledge.tag_meanings @ (mean / np.float32(max(length, 1e-9)))
    return cosine


def said_by(knowledge: Knowledge, text: TextSignals, vectors: Floats) -> Floats:
    """Return (n_tags,) what input ``vectors`` (n, d) add to the logits of the context; zeros without any."""
    if not len(vectors):
        return np.zeros(len(knowledge.tags), np.float32)
    n = max(1, len(text.word_vectors) + len(text.seed_vectors)) ** 0.5
    logits: Floats = knowledge.context.outputs @ (vectors.sum(axis=0) / np.float32(n))
    return logits
