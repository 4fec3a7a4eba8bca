"""What a picture says about every hashtag: its topics, its ImageNet classes by name, by use and by meaning.

Every signal is 0 for a hashtag that the picture says nothing about, so that a weighted sum of them is the picture's
exact part of a score.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.query import ImageEvidence
from embeddings.cooccurrence import tags_given_seeds
from recommend.catalogue.lookups import Catalogue
from recommend.knowledge.opening import Knowledge
from recommend.routing import Mixture, mixed_log_probability, routed
from recommend.signals.text import TextSignals

Floats = NDArray[np.float32]

IMAGE_SIGNALS = ("topic_lift", "table_lift", "named", "used_with", "meaning", "context")
CONSE_CLASSES = 10
"""How many classes ConSE averages (Norouzi et al. 2014, "Zero-Shot Learning by Convex Combination of Semantic
Embeddings", where 10 was best)."""
NAMED_RATE = 0.1
"""How often a post with a picture of something carries the hashtag that names it: some one in ten (the share of val
captions that spell a hashtag out and whose post carries it is of that order, too)."""
LEAST_CLASS = 0.03
"""A class below this probability is not looked up by name."""


@dataclass(frozen=True, slots=True)
class ImageSignals:
    """The signals of one picture.

    Attributes:
        dense: (len(IMAGE_SIGNALS), n_tags) float32.
        named_by: row -> place among ``classes`` of the class that names it.
        classes: (class number, probability) of the classes looked up, most probable first.
    """

    dense: Floats
    named_by: dict[int, int]
    classes: tuple[tuple[int, float], ...]


class ImageSignalMaker:
    """Computes a picture's signals from a bundle's knowledge. Safe to share between threads."""

    def __init__(self, knowledge: Knowledge, catalogue: Catalogue) -> None:
        """Read from ``knowledge``; ``catalogue`` knows the hashtags of each topic."""
        self._knowledge = knowledge
        self._catalogue = catalogue
        whole = knowledge.counts.whole
        self._share = np.maximum(whole.tag_posts, 1).astype(np.float32) / np.float32(max(1, whole.n_posts))

    def signals(self, image: ImageEvidence, mixture: Mixture, text: TextSignals, routing: str) -> ImageSignals:
        """Return what ``image`` says, given what caption and seeds say.

        Args:
            image: what the classifier saw.
            mixture: the topics of the query.
            text: its text signals; all zeros where there is no text.
            routing: how topics are mixed.
        """
        knowledge = self._knowledge
        dense = np.zeros((len(IMAGE_SIGNALS), len(knowledge.tags)), np.float32)
        shares = routed(mixture, routing)
        if shares.any():
            dense[0] = np.log(self._catalogue.topic_prior(shares)) - self._catalogue.log_prior
            mixed = mixed_log_probability(knowledge, text.context, text.logits, shares)
            dense[1] = np.clip(mixed - text.column("context"), -5, 5)
        classes = [
            (int(number), float(p))
            for number, p in zip(image.class_ids, image.class_probabilities, strict=True)
            if p >= LEAST_CLASS
        ]
        named, used = np.zeros_like(self._share), np.zeros_like(self._share)
        named_by: dict[int, int] = {}
        for place, (number, probability) in enumerate(classes):
            rows = knowledge.class_tags[number]
            for row in rows:
                named[row] += probability
                named_by.setdefault(int(row), place)
            if len(rows):
                used += np.float32(probability) * tags_given_seeds(knowledge.counts.whole, rows)
        dense[2] = np.log1p(np.float32(NAMED_RATE) * named / self._share)
        dense[3] = np.log1p(used / self._share)
        top, weight = image.class_ids[:CONSE_CLASSES], image.class_probabilities[:CONSE_CLASSES]
        if knowledge.class_meanings.shape[1] > 1 and len(top):
            mean = weight @ knowledge.class_meanings[top]
            length = float(np.linalg.norm(mean))
            if length > 0:
                dense[4] = np.maximum(knowledge.tag_meanings @ (mean / np.float32(length)), 0)
        dense[5] = knowledge.context.outputs @ self._class_context(classes, shares)
        return ImageSignals(dense, named_by, tuple(classes))

    def _class_context(self, classes: list[tuple[int, float]], shares: Floats) -> Floats:
        """Return (d,) the input vectors of the topics and of the classes' terms, weighted by probability."""
        knowledge, embedding = self._knowledge, self._knowledge.context
        total = embedding.topic_vector(dict(zip(knowledge.topics, map(float, shares), strict=True)))
        for number, probability in classes:
            rows = knowledge.class_tags[number]
            if len(rows):
                vectors = embedding.tag_vectors([knowledge.tags[row] for row in rows])
                total = total + np.float32(probability) * vectors.mean(axis=0)
        return total
