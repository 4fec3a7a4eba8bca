"""The picture signals: its topics, its ImageNet classes by name, by use and by meaning, one class a signal.

Every signal is 0 for a hashtag that the picture says nothing about, so that a weighted sum of them is the picture's
exact part of a score.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from core.query import ImageEvidence
from embeddings.cooccurrence import tags_given_seeds
from recommend.catalogue.lookups import Catalogue
from recommend.knowledge.opening import Knowledge
from recommend.routing import Mixture, mixed_log_probability, routed
from recommend.signals.base import Input, TextSignals

Floats = NDArray[np.float32]

CONSE_CLASSES = 10
"""How many classes ConSE averages, where 10 was best."""
NAMED_RATE = 0.1
"""How often a post with a picture of something carries the hashtag that names it: some one in ten (the share of val
captions that spell a hashtag out and whose post carries it is of that order, too)."""
LEAST_CLASS = 0.03
"""A class below this probability is not looked up by name."""

_OURS = "docs/adr/0005-signals-and-rankers.md"


@dataclass(frozen=True, slots=True)
class Picture:
    """What the picture signals of one query read.

    Attributes:
        image: what the classifier saw.
        classes: (class number, probability) of the classes that are looked up, most probable first.
        shares: (n_topics,) the topics that the tables are mixed by; all 0 where topics are switched off.
        text: what caption and seeds say, if anything.
    """

    image: ImageEvidence
    classes: tuple[tuple[int, float], ...]
    shares: Floats
    text: TextSignals


class PictureSignal(ABC):
    """One number for each hashtag, from a picture. Safe to share between threads.

    Args:
        knowledge: of the bundle.
        catalogue: of its hashtags.

    Attributes:
        name: of the signal and of its weight in the ranker.
        speaks_for: the input whose part of a score it counts to.
        source: where the formula in the docstring of ``compute`` comes from.
        first_weight: its weight before anything is learnt: where no post has a picture, and where learning begins.
        share: (n_tags,) the share of all posts that carry each hashtag, above 0.
    """

    name: ClassVar[str]
    speaks_for: ClassVar[Input] = "image"
    source: ClassVar[str]
    first_weight: ClassVar[float]

    def __init__(self, knowledge: Knowledge, catalogue: Catalogue) -> None:
        self.knowledge = knowledge
        self.catalogue = catalogue
        whole = knowledge.counts.whole
        self.share: Floats = np.maximum(whole.tag_posts, 1).astype(np.float32) / np.float32(max(1, whole.n_posts))

    @abstractmethod
    def compute(self, picture: Picture) -> Floats | float:
        """Return (n_tags,) the values, or 0 where the picture says nothing about any hashtag."""


class TopicLift(PictureSignal):
    """How much more often the hashtag is used in the picture's topics than at large."""

    name, source, first_weight = "topic_lift", 'Zhai and Lafferty 2004, "A Study of Smoothing Methods"', 0.5

    def compute(self, picture: Picture) -> Floats | float:
        """Return log(sum over topics of P(topic) P(t | topic)) - log P(t)."""
        if not picture.shares.any():
            return 0.0
        lift: Floats = np.log(self.catalogue.topic_prior(picture.shares)) - self.catalogue.log_prior
        return lift


class TableLift(PictureSignal):
    """How much more probable the tables of the picture's topics make the hashtag beside the text."""

    name, source, first_weight = "table_lift", _OURS, 0.2

    def compute(self, picture: Picture) -> Floats | float:
        """Return log P(t | context, tables of the picture's topics) - log P(t | context), within -5 and 5."""
        if not picture.shares.any():
            return 0.0
        text = picture.text
        mixed = mixed_log_probability(self.knowledge, text.context, text.logits, picture.shares)
        lift: Floats = np.clip(mixed - text.column("context"), -5, 5)
        return lift


class Named(PictureSignal):
    """How much more often than at large the hashtag is carried, where it names what the picture shows."""

    name, source, first_weight = "named", _OURS, 0.5

    def compute(self, picture: Picture) -> Floats | float:
        """Return log(1 + 0.1 (sum of P(class) over the classes that t names) / P(t))."""
        named = np.zeros_like(self.share)
        for number, probability in picture.classes:
            for row in self.knowledge.class_tags[number]:
                named[row] += probability
        lift: Floats = np.log1p(np.float32(NAMED_RATE) * named / self.share)
        return lift


class UsedWith(PictureSignal):
    """How much more often than at large the hashtag is carried beside the hashtags that name what the picture shows."""

    name, source, first_weight = "used_with", _OURS, 0.3

    def compute(self, picture: Picture) -> Floats | float:
        """Return log(1 + (sum over classes of P(class) mean over its hashtags a of c(a, t) / (n_a + 5)) / P(t))."""
        used = np.zeros_like(self.share)
        for number, probability in picture.classes:
            rows = self.knowledge.class_tags[number]
            if len(rows):
                used += np.float32(probability) * tags_given_seeds(self.knowledge.counts.whole, rows)
        lift: Floats = np.log1p(used / self.share)
        return lift


class Meaning(PictureSignal):
    """How close in meaning the hashtag is to the names of what the picture shows."""

    name, first_weight = "meaning", 0.5
    source = 'Norouzi et al. 2014, "Zero-Shot Learning by Convex Combination of Semantic Embeddings" (ConSE)'

    def compute(self, picture: Picture) -> Floats | float:
        """Return the cosine, not below 0, to the mean of the ten best classes' vectors, weighted by P(class)."""
        knowledge, image = self.knowledge, picture.image
        best, weights = image.class_ids[:CONSE_CLASSES], image.class_probabilities[:CONSE_CLASSES]
        if knowledge.class_meanings.shape[1] <= 1 or not len(best):
            return 0.0
        mean = weights @ knowledge.class_meanings[best]
        length = float(np.linalg.norm(mean))
        if length <= 0:
            return 0.0
        return np.maximum(knowledge.tag_meanings @ (mean / np.float32(length)), 0)


class PictureContext(PictureSignal):
    """What the picture's topics and classes would add to the hashtag's logit in the context embedding."""

    name, source, first_weight = "context", 'Mikolov et al. 2013 (CBOW), see "embeddings/context.py"', 0.1

    def compute(self, picture: Picture) -> Floats | float:
        """Return o_t . (input vectors of the topics and of the classes' hashtags, weighted by probability)."""
        knowledge, embedding = self.knowledge, self.knowledge.context
        total = embedding.topic_vector(dict(zip(knowledge.topics, map(float, picture.shares), strict=True)))
        for number, probability in picture.classes:
            rows = knowledge.class_tags[number]
            if len(rows):
                vectors = embedding.tag_vectors([knowledge.tags[row] for row in rows])
                total = total + np.float32(probability) * vectors.mean(axis=0)
        logits: Floats = embedding.outputs @ total
        return logits


PICTURE_SIGNALS: tuple[type[PictureSignal], ...] = (TopicLift, TableLift, Named, UsedWith, Meaning, PictureContext)
"""Every picture signal, in the order of the rows of ``ImageSignals.dense`` and of the weights in a ranker."""
IMAGE_SIGNALS = tuple(signal.name for signal in PICTURE_SIGNALS)


@dataclass(frozen=True, slots=True)
class ImageSignals:
    """The signals of one picture.

    Attributes:
        dense: (len(IMAGE_SIGNALS), n_tags) float32.
        named_by: row -> index in ``classes`` of the class that names the hashtag.
        classes: (class number, probability) of the classes that were looked up, most probable first.
    """

    dense: Floats
    named_by: dict[int, int]
    classes: tuple[tuple[int, float], ...]


class ImageSignalMaker:
    """Computes a picture's signals from a bundle's knowledge. Safe to share between threads.

    Args:
        knowledge: of the bundle.
        catalogue: knows the hashtags of each topic.
    """

    def __init__(self, knowledge: Knowledge, catalogue: Catalogue) -> None:
        self._knowledge = knowledge
        self._signals = [signal(knowledge, catalogue) for signal in PICTURE_SIGNALS]

    def signals(self, image: ImageEvidence, mixture: Mixture, text: TextSignals, routing: str) -> ImageSignals:
        """Return what ``image`` says, given what caption and seeds say.

        Args:
            image: what the classifier saw.
            mixture: the topics of the query.
            text: its text signals; where there is no text they say what is true of any post.
            routing: how topics are mixed.
        """
        classes = tuple(
            (int(number), float(p))
            for number, p in zip(image.class_ids, image.class_probabilities, strict=True)
            if p >= LEAST_CLASS
        )
        picture = Picture(image, classes, routed(mixture, routing), text)
        dense = np.empty((len(self._signals), len(self._knowledge.tags)), np.float32)
        for row, signal in zip(dense, self._signals, strict=True):
            row[:] = signal.compute(picture)
        named_by: dict[int, int] = {}
        for index, (number, _) in enumerate(classes):
            for tag in self._knowledge.class_tags[number].tolist():
                named_by.setdefault(tag, index)
        return ImageSignals(dense, named_by, classes)
