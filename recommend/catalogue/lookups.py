"""What is known of each hashtag whatever is asked: how often it is used, in which topic, with which others."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import InvalidOption
from core.suggestions import Popularity
from core.text.hashtags import fold
from embeddings.cooccurrence import Counts
from recommend.catalogue.tiers import TIERS, percentiles_of, tiers_of
from recommend.catalogue.trends import TrendShelf

CLEAR_LIFT = 3.0
"""A hashtag's topic is named when it has this many times the share of the topic's use that it has of all use."""
CLEAR_LEAD = 1.5
"""And this many times what any other topic gives it."""
CLEAR_POSTS = 3
"""And at least this many posts of the topic carry it."""
LIFT_SMOOTHING = 5.0
"""Posts in which a hashtag is taken to be as frequent in a topic as anywhere, so that rare ones do not stand out."""

TOPIC_SMOOTHING = 5000.0
"""Uses, spread as in the whole corpus, that are added to those of each topic. Of 100 to 20,000, what made the other
hashtags of validation posts with a seed hashtag most probable; anything from 1,000 on is about as good."""
RELATED_SMOOTHING = 5.0
"""Posts added to those of either hashtag, so that two rare ones seen together twice are not inseparable."""


class Catalogue:
    """Look-ups over one vocabulary. Holds no state that a request changes; safe to share between threads.

    Args:
        counts: of the training posts; stays mapped from disk.
        display: how a hashtag is written for readers, ``GoldenRetriever`` for ``goldenretriever``.
        trends: dated counts, where there are any.
        meanings: (n_tags, m) unit rows in a word space, zeros where nothing is known; None without one.

    Attributes:
        tags: hashtags in normal form, most used first, ties in alphabetical order; a hashtag's id is its index.
        topics: topic names.
        posts: (n_tags,) int64 posts that carry each.
        log_prior: (n_tags,) float32 natural log of each hashtag's share of all use, below 0.
        tier_of: (n_tags,) int8 index in ``TIERS``. Hashtags used equally often are in one tier, and the hashtag
            at a boundary belongs to the more used side.
        percentile: (n_tags,) float32 share of the vocabulary that is used less, 0 to below 1.
        trends: dated counts; none where there are no files with them.
    """

    def __init__(
        self,
        counts: Counts,
        display: Callable[[str], str] = str,
        trends: TrendShelf | None = None,
        meanings: NDArray[np.float32] | None = None,
    ) -> None:
        self.tags = counts.tags
        self.topics = counts.topics
        self._counts = counts
        self._display = display
        self._meanings = meanings
        self.trends = trends or TrendShelf()
        self._id_of = {tag: number for number, tag in enumerate(self.tags)}
        self.posts = np.asarray(counts.whole.tag_posts, dtype=np.int64)
        share = np.maximum(self.posts, 1) / max(1, int(np.maximum(self.posts, 1).sum()))
        self.log_prior = np.log(share).astype(np.float32)
        self.tier_of = tiers_of(self.posts)
        self.percentile = percentiles_of(self.posts)
        self._topic_tags = _topic_distributions(counts, share)
        self._topic_of = _clear_topics(counts)
        by_name = sorted(range(len(self.tags)), key=self.tags.__getitem__)
        self._names = [self.tags[number] for number in by_name]
        self._ids_by_name = np.array(by_name, dtype=np.int64)

    def __len__(self) -> int:
        return len(self.tags)

    def tag_id(self, tag: str) -> int | None:
        """Return the id of a hashtag in normal form, or None when it is not in the vocabulary."""
        return self._id_of.get(tag)

    def popularity(self, tag_id: int) -> Popularity:
        """Return how often a hashtag is used."""
        tier = TIERS[int(self.tier_of[tag_id])]
        return Popularity(int(self.posts[tag_id]), tier, float(self.percentile[tag_id]))

    def display(self, tag: str) -> str:
        """Return a hashtag in normal form as it is written for readers, known or not."""
        return self._display(tag)

    def topic_of(self, tag_id: int) -> str | None:
        """Return the topic that a hashtag is used in most beyond its use at large, or None when none is clear.

        Clear is a topic whose lift, P(hashtag given a use in the topic) / P(hashtag), shrunk towards 1 by
        ``LIFT_SMOOTHING``, is at least ``CLEAR_LIFT`` and ``CLEAR_LEAD`` times the next topic's, from ``CLEAR_POSTS``
        posts on. Shares of use, not of posts: posts with many hashtags would else make all of theirs look typical.
        """
        topic = int(self._topic_of[tag_id])
        return self.topics[topic] if topic >= 0 else None

    def topic_prior(self, weights: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """Return (..., n_tags) float32: the probability of each hashtag where topics are mixed by ``weights``.

        The share of use in each topic is smoothed towards that in the whole corpus by ``TOPIC_SMOOTHING`` uses
        (Dirichlet prior; Zhai and Lafferty 2004, "A Study of Smoothing Methods for Language Models"). Rows sum to 1.

        Args:
            weights: (..., n_topics) not negative; brought to the sum 1, and all zeros mean the whole corpus.
        """
        total = weights.sum(axis=-1, keepdims=True)
        known = total > 0
        mixture = np.where(known, weights / np.where(known, total, 1.0), 0.0)
        # The whole corpus is the last row.
        rows = np.concatenate([mixture, 1.0 - known], axis=-1).astype(np.float32)
        return np.asarray(rows @ self._topic_tags, dtype=np.float32)

    def related(self, tag: str, k: int) -> list[tuple[str, float]]:
        """Return up to k (hashtag, strength) pairs that are used with ``tag``, strongest first; none when unknown.

        The strength is count(a, b) / sqrt((n_a + 5) (n_b + 5)), from 0 to below 1: the cosine of the two sets of
        posts (Ochiai 1957), damped for hashtags with few. Ties go to the more used.
        """
        number = self.tag_id(tag)
        if number is None:
            return []
        others, together = self._counts.whole.tag_tag.row(number)
        sizes = (self.posts[others] + RELATED_SMOOTHING) * (self.posts[number] + RELATED_SMOOTHING)
        strengths = together / np.sqrt(sizes)
        best = np.argsort(-strengths, kind="stable")[:k]
        return [(self.tags[int(others[index])], float(strengths[index])) for index in best]

    def check_topic(self, topic: str | None) -> None:
        """Pass for None, which means all topics, and for a topic that there is.

        Raises:
            InvalidOption: there is no such topic.
        """
        if topic is not None and topic not in self.topics:
            raise InvalidOption(f"there is no topic {topic!r}; there are: {', '.join(self.topics)}", field="topic")

    def topic_shares(self, tag_id: int) -> list[tuple[str, float]]:
        """Return (topic, share) for the topics that a hashtag's posts are of, largest share first; at most 1 in all."""
        posts = np.array([float(part.tag_posts[tag_id]) for part in self._counts.by_topic])
        shares = posts / max(1.0, float(self.posts[tag_id]), float(posts.sum()))
        order = np.argsort(-shares, kind="stable")
        return [(self.topics[topic], float(shares[topic])) for topic in order if shares[topic] > 0]

    def similar(self, tag: str, k: int) -> list[tuple[str, float]]:
        """Return up to k (hashtag, cosine) pairs close in meaning to ``tag``, closest first; none when unknown."""
        number = self.tag_id(tag)
        if number is None or self._meanings is None or not self._meanings[number].any():
            return []
        cosines = self._meanings @ self._meanings[number]
        cosines[number] = -1.0
        best = np.argsort(-cosines, kind="stable")[:k]
        return [(self.tags[int(other)], float(cosines[other])) for other in best if cosines[other] > 0]

    def complete(self, prefix: str, k: int, after: int = -1) -> tuple[str, ...]:
        """Return up to k hashtags that start with ``prefix``, most used first; ``#`` and capitals do not matter.

        Args:
            prefix: folded as hashtags are; all hashtags start with "".
            k: how many at most.
            after: id of the hashtag that the list goes on after.
        """
        start = fold(prefix)
        first = bisect_left(self._names, start)
        # Nothing that can stand in a hashtag sorts after the last code point.
        end = bisect_left(self._names, start + "\U0010ffff", lo=first)
        ids = np.sort(self._ids_by_name[first:end])
        chosen = ids[np.searchsorted(ids, after, side="right") :][:k]
        return tuple(self.tags[number] for number in chosen.tolist())


def _topic_distributions(counts: Counts, share: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return (n_topics + 1, n_tags) probabilities of a use in each topic, smoothed, and in the whole corpus."""
    rows = np.empty((len(counts.topics) + 1, len(counts.tags)), dtype=np.float32)
    for number, part in enumerate(counts.by_topic):
        uses = np.asarray(part.tag_posts, dtype=np.float64)
        rows[number] = (uses + TOPIC_SMOOTHING * share) / (uses.sum() + TOPIC_SMOOTHING)
    rows[-1] = share
    return rows


def _clear_topics(counts: Counts) -> NDArray[np.int16]:
    """Return (n_tags,) the topic of each hashtag, -1 where none is clear."""
    n_tags, n_topics = len(counts.tags), len(counts.topics)
    if not n_topics:
        return np.full(n_tags, -1, dtype=np.int16)
    topic_posts = np.stack([np.asarray(part.tag_posts, dtype=np.float64) for part in counts.by_topic])
    all_posts = np.asarray(counts.whole.tag_posts, dtype=np.float64)
    topic_share = topic_posts.sum(axis=1, keepdims=True) / max(1.0, float(all_posts.sum()))
    expected = np.maximum((all_posts + LIFT_SMOOTHING) * topic_share, 1e-12)
    lift = np.where(topic_share > 0, (topic_posts + LIFT_SMOOTHING * topic_share) / expected, 0.0)
    best = lift.argmax(axis=0)
    columns = np.arange(n_tags)
    highest = lift[best, columns]
    lift[best, columns] = 0.0
    clear = (highest >= CLEAR_LIFT) & (highest >= CLEAR_LEAD * lift.max(axis=0))
    clear &= topic_posts[best, columns] >= CLEAR_POSTS
    return np.where(clear, best, -1).astype(np.int16)
