"""Signals that are facts of a hashtag or of a query: what lets the trees weigh the others.

A fact of a hashtag is the same for every query, a fact of a query the same for every hashtag; both count to popularity.
"""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from recommend.knowledge.opening import Knowledge
from recommend.signals.base import Floats, TextSignal, TextSignals

SAID_SMOOTHING = 5.0

_OURS = "docs/adr/0005-signals-and-rankers.md"


class HashtagFact(TextSignal):
    """A signal that is the same for every query."""

    speaks_for, source = "popularity", _OURS

    def __init__(self, knowledge: Knowledge) -> None:
        super().__init__(knowledge)
        self._values = self.values(knowledge)

    @abstractmethod
    def values(self, knowledge: Knowledge) -> Floats:
        """Return (n_tags,) the values."""

    def compute(self, text: TextSignals) -> Floats:
        """Return ``values``, whatever was asked."""
        return self._values


class LogPrior(HashtagFact):
    """How often the hashtag is used."""

    name = "log_prior"

    def values(self, knowledge: Knowledge) -> Floats:
        """Return log(n_t / N)."""
        return np.log(share_of_posts(knowledge))


class CaptionedPrior(HashtagFact):
    """How often the hashtag is used in posts that have a caption."""

    name = "captioned_prior"

    def values(self, knowledge: Knowledge) -> Floats:
        """Return log((captioned posts with t + 0.5) / (captioned posts + 1))."""
        return np.log(share_of_captioned_posts(knowledge))


class Letters(HashtagFact):
    """How long the hashtag is."""

    name = "letters"

    def values(self, knowledge: Knowledge) -> Floats:
        """Return the number of letters of t."""
        return np.array([len(tag) for tag in knowledge.tags], dtype=np.float32)


class SaidHabit(HashtagFact):
    """How often posts whose captions spell the hashtag out carry it."""

    name = "said_habit"

    def values(self, knowledge: Knowledge) -> Floats:
        """Return (posts that say t and carry it + 5 g) / (posts that say t + 5), g being the ratio over all t."""
        return habit_of_saying(knowledge)


class QueryFact(TextSignal):
    """A signal that is the same for every hashtag: it tells the trees how much the others are worth."""

    speaks_for, source = "popularity", _OURS

    @abstractmethod
    def value(self, text: TextSignals) -> float:
        """Return the value for every hashtag."""

    def compute(self, text: TextSignals) -> Floats:
        """Return ``value`` for each hashtag."""
        return np.full(len(self.knowledge.tags), self.value(text), np.float32)


class NWords(QueryFact):
    """How many different words the caption has."""

    name = "n_words"

    def value(self, text: TextSignals) -> float:
        """Return the number of different caption words."""
        return len(text.distinct_words)


class NSeeds(QueryFact):
    """How many seeds are known."""

    name = "n_seeds"

    def value(self, text: TextSignals) -> float:
        """Return the number of known seeds."""
        return len(text.seeds)


class NUnknownSeeds(QueryFact):
    """How many seeds are not known."""

    name = "n_unknown_seeds"

    def value(self, text: TextSignals) -> float:
        """Return the number of unknown seeds."""
        return len(text.query.seeds) - len(text.seeds)


class TopicSure(QueryFact):
    """How clear the topic of caption and seeds is."""

    name = "topic_sure"

    def value(self, text: TextSignals) -> float:
        """Return the share of the likeliest topic, 0 to 1; 0 without topics."""
        return float(text.shares.max(initial=0))


def share_of_posts(knowledge: Knowledge) -> Floats:
    """Return (n_tags,) the share of all posts that carry each hashtag, above 0."""
    whole = knowledge.counts.whole
    share: Floats = (whole.tag_posts / max(1, whole.n_posts)).astype(np.float32)
    return share


def share_of_captioned_posts(knowledge: Knowledge) -> Floats:
    """Return (n_tags,) the share of the posts with a caption that carry each hashtag, above 0."""
    habits = knowledge.habits
    share: Floats = ((habits.captioned + 0.5) / (habits.n_captioned + 1)).astype(np.float32)
    return share


def habit_of_saying(knowledge: Knowledge) -> Floats:
    """Return (n_tags,) how often a post whose caption spells a hashtag out carries it, 0 to 1, smoothed."""
    habits = knowledge.habits
    general = habits.said_and_used.sum() / max(1, habits.said.sum())
    habit: Floats = (habits.said_and_used + SAID_SMOOTHING * general) / (habits.said + SAID_SMOOTHING)
    return habit.astype(np.float32)
