"""Turns a network's two rows of logits into what the rest of the program calls evidence."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.images import SurveyedPicture
from core.query import ImageEvidence
from models.classifier.files import ClassifierFacts
from models.classifier.preprocess import prepare_bytes, survey_for

Logits = NDArray[np.float32]


class Forward(Protocol):
    """One runtime's forward pass."""

    def __call__(self, batch: NDArray[np.float32]) -> tuple[Logits, Logits]:
        """Return (n, n_topics) topic logits and (n, 1000) ImageNet logits of (n, 3, side, side) pixels."""
        ...


class NetworkClassifier:
    """An ``ImageClassifier`` over any runtime; safe to call from several threads when the forward pass is.

    Args:
        facts: what ``topics.json`` says.
        forward: runs ``topics.onnx``.
    """

    def __init__(self, facts: ClassifierFacts, forward: Forward) -> None:
        self.facts = facts
        self._forward = forward

    @property
    def topics(self) -> tuple[str, ...]:
        """Topic names in the order of ``ImageEvidence.topics``."""
        return self.facts.topics

    def survey(self, data: bytes) -> SurveyedPicture:
        """Return what one picture file holds.

        Raises:
            UnsupportedImage, UndecodableImage, ImageTooLarge: as ``models.classifier.survey.survey`` says.
        """
        return survey_for(data, self.facts.preprocessing)

    def prepare(self, picture: bytes | SurveyedPicture) -> NDArray[np.float32]:
        """Return one picture, a file or what ``survey`` said of it, as (3, side, side) float32.

        Raises:
            UnsupportedImage, UndecodableImage, ImageTooLarge: as ``models.classifier.decode.decode`` says.
        """
        return prepare_bytes(picture, self.facts.preprocessing)

    def evidence(self, batch: NDArray[np.float32]) -> list[ImageEvidence]:
        """Return what is seen in each of (n, 3, side, side) prepared pictures; n may be 0."""
        if len(batch) == 0:
            return []
        topic_logits, imagenet_logits = self._forward(np.ascontiguousarray(batch, dtype=np.float32))
        return [
            read_logits(topics, classes, self.facts.temperature, self.facts.top_classes)
            for topics, classes in zip(topic_logits, imagenet_logits, strict=True)
        ]


def read_logits(topics: Logits, classes: Logits, temperature: float, top_classes: int) -> ImageEvidence:
    """Return the evidence in one picture's (n_topics,) and (1000,) logits."""
    any_class = log_sum_exp(classes)
    order = np.argsort(-classes, kind="stable")[:top_classes]
    scaled = topics.astype(np.float64) / temperature
    return ImageEvidence(
        topics=np.exp(scaled - log_sum_exp(scaled)).astype(np.float32),
        class_ids=order.astype(np.int32),
        class_probabilities=np.exp(classes[order].astype(np.float64) - any_class).astype(np.float32),
        energy=log_sum_exp(topics),
    )


def log_sum_exp(logits: NDArray[np.floating]) -> float:
    """Return log(sum(exp(logits))) of one row, computed without overflow."""
    top = float(logits.max())
    return top + float(np.log(np.exp(logits.astype(np.float64) - top).sum()))
