"""How good topic probabilities are: accuracy, balance between topics, and calibration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ECE_BINS = 10


@dataclass(frozen=True, slots=True)
class TopicScores:
    """Figures over one split, each 0 to 1.

    Attributes:
        n_pictures: how many pictures were scored.
        top1: share of pictures whose most probable topic is one of their labels.
        top2: share of pictures with a label among the two most probable topics.
        macro_top1: mean over topics of the top-1 share of the pictures labelled with it.
        ece: expected calibration error of the most probable topic.
        per_topic: top-1 share by topic, nan for a topic without pictures.
    """

    n_pictures: int
    top1: float
    top2: float
    macro_top1: float
    ece: float
    per_topic: tuple[float, ...]


def score_topics(probabilities: NDArray[np.floating], labels: NDArray[np.floating]) -> TopicScores:
    """Return the figures for (n, n_topics) probabilities against (n, n_topics) labels of 0 and 1; n at least 1."""
    order = np.argsort(-probabilities, axis=1, kind="stable")
    hits = np.take_along_axis(labels, order, axis=1) > 0
    is_right = hits[:, 0]
    per_topic = tuple(
        float(is_right[labels[:, topic] > 0].mean()) if (labels[:, topic] > 0).any() else float("nan")
        for topic in range(labels.shape[1])
    )
    return TopicScores(
        n_pictures=len(labels),
        top1=float(is_right.mean()),
        top2=float(hits[:, :2].any(axis=1).mean()),
        macro_top1=float(np.nanmean(per_topic)),
        ece=expected_calibration_error(probabilities.max(axis=1), is_right),
        per_topic=per_topic,
    )


def expected_calibration_error(confidence: NDArray[np.floating], is_right: NDArray[np.bool_]) -> float:
    """Return the mean gap between confidence and accuracy over ten equal-width bins, weighted by their size.

    Args:
        confidence: (n,) probabilities of what was predicted, 0 to 1.
        is_right: (n,) whether the prediction was right.

    Naeini, Cooper and Hauskrecht 2015, "Obtaining Well Calibrated Probabilities Using Bayesian Binning".
    """
    bins = np.clip(np.ceil(confidence * ECE_BINS).astype(int) - 1, 0, ECE_BINS - 1)
    n_in = np.bincount(bins, minlength=ECE_BINS)
    gap = np.bincount(bins, weights=confidence - is_right, minlength=ECE_BINS)
    return float(np.abs(gap).sum() / max(n_in.sum(), 1))


def confusion_matrix(probabilities: NDArray[np.floating], labels: NDArray[np.floating]) -> NDArray[np.int64]:
    """Return (n_topics, n_topics) counts, rows the truth and columns the prediction.

    A picture with several topics counts once: under the predicted one when that is among them, else under its first.
    """
    predicted = np.argmax(probabilities, axis=1)
    is_right = labels[np.arange(len(labels)), predicted] > 0
    truth = np.where(is_right, predicted, np.argmax(labels, axis=1))
    counts = np.zeros((labels.shape[1], labels.shape[1]), dtype=np.int64)
    np.add.at(counts, (truth, predicted), 1)
    return counts
