"""Which topics a post is about, and how probable that makes each hashtag: the first step of the hierarchy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.errors import InvalidOption
from core.query import Query
from embeddings.context import log_softmax
from recommend.knowledge.opening import Knowledge

Floats = NDArray[np.float32]
Origin = Literal["given", "image", "text"]

NEGLIGIBLE = 0.02
"""A topic below this share of the mixture is left out of it: its table would cost time and change nothing."""


@dataclass(frozen=True, slots=True)
class Mixture:
    """How much of an answer each topic has.

    Attributes:
        topics: (n_topics,) float32 shares; what is missing to 1 is none of the topics.
        origin: where they come from: the caller, the picture, or the caption and the seeds.
    """

    topics: Floats
    origin: Origin


def topic_mixture(knowledge: Knowledge, query: Query, context: Floats) -> Mixture:
    """Return the topics of a query: the caller's word, else the picture's, else P(topic | caption words, seeds).

    Args:
        knowledge: of the bundle.
        query: what is asked.
        context: (d,) context vector of its caption words and seeds.

    Raises:
        InvalidOption: the caller names a topic that the bundle does not have.
    """
    given = query.options.topic
    if given is not None:
        if given not in knowledge.topics:
            raise InvalidOption(
                f"there is no topic {given!r}; this bundle has {', '.join(knowledge.topics)}", field="topic"
            )
        return Mixture(_one_topic(len(knowledge.topics), knowledge.topics.index(given)), "given")
    if query.image is not None:
        return Mixture(query.image.topics, "image")
    logits = context @ knowledge.topic_head[:-1] + knowledge.topic_head[-1]
    return Mixture(np.exp(log_softmax(logits))[:-1], "text")


def routed(mixture: Mixture, routing: str) -> Floats:
    """Return (n_topics,) the shares that tables are mixed by: all, the best one's alone, or none."""
    if routing == "global":
        return np.zeros_like(mixture.topics)
    if routing == "hard":
        return _one_topic(len(mixture.topics), int(mixture.topics.argmax()))
    return np.where(mixture.topics < NEGLIGIBLE, np.float32(0), mixture.topics)


def mixed_log_probability(knowledge: Knowledge, context: Floats, logits: Floats, shares: Floats) -> Floats:
    """Return (n_tags,) log of the mixture of the topic tables' softmaxes; what is missing to 1 is the global table's.

    Args:
        knowledge: of the bundle.
        context: (d,) context vector.
        logits: (n_tags,) of the global table for that context.
        shares: (n_topics,) of ``routed``.
    """
    top = logits.max()
    whole = np.exp(logits - top)
    mixed = whole * (np.float32(max(0.0, 1.0 - float(shares.sum()))) / whole.sum())
    for topic in np.flatnonzero(shares):
        table = knowledge.topic_tables[topic]
        changed = np.exp(np.minimum(table.outputs @ context + table.bias - top, 60))
        part = whole.copy()
        part[table.rows] = changed
        # Summed afresh: correcting the global sum would cancel where a topic moves most of the probability.
        mixed += part * (shares[topic] / max(part.sum(), np.finfo(np.float32).tiny))
    log_p: Floats = np.log(np.maximum(mixed, 1e-12)).astype(np.float32)
    return log_p


def _one_topic(n_topics: int, topic: int) -> Floats:
    shares = np.zeros(n_topics, np.float32)
    shares[topic] = 1
    return shares
