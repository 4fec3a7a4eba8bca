"""What the shipped classifier does on labelled pictures that nothing was learnt from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.query import ImageEvidence
from models.labelled.topic_folder import LabelledPicture, TopicFolder
from models.labelled.topic_metrics import confusion_matrix
from models.labelled.topic_predictions import topic_probabilities
from pipelines.evaluation.bootstrap import Interval, Resamples, as_figure
from pipelines.evaluation.metrics import expected_calibration_error, top_k_correct


@dataclass(frozen=True, slots=True)
class TopicFigures:
    """Figures of one split.

    Attributes:
        overall: top-1, top-2, macro top-1 and ECE.
        by_topic: the same of the pictures labelled with each topic: number, top-1, top-2.
        confusion: labels and counts, rows the truth.
    """

    overall: dict[str, Interval]
    by_topic: dict[str, dict[str, Any]]
    confusion: dict[str, Any]

    def row(self, n_pictures: int) -> dict[str, Any]:
        """Return the overall figures as one row of a table."""
        return {"pictures": n_pictures} | {name: as_figure(figure) for name, figure in self.overall.items()}


def topic_figures(
    folder: TopicFolder, pictures: Sequence[LabelledPicture], seen: Sequence[ImageEvidence], seed: int
) -> TopicFigures:
    """Return the figures of what was ``seen`` in ``pictures``, with intervals over pictures.

    A picture is right when the most probable topic (top-1), or one of the two most probable (top-2), is one of its
    labels; the macro average gives every topic the same voice, a picture with two labels speaking for both.
    """
    probabilities = topic_probabilities(seen)
    labels = folder.label_matrix(pictures)
    label_sets = [set(np.flatnonzero(row).tolist()) for row in labels]
    first, second = (top_k_correct(probabilities, label_sets, k) for k in (1, 2))
    confidence = probabilities.max(axis=1)
    resamples = Resamples(len(pictures), seed=seed)
    overall = {
        "top-1": resamples.interval(first),
        "top-2": resamples.interval(second),
        "macro top-1": resamples.statistic(lambda weights: _macro(first, labels, weights)),
        "macro top-2": resamples.statistic(lambda weights: _macro(second, labels, weights)),
        "ECE": resamples.statistic(lambda weights: expected_calibration_error(confidence, first, weights)),
    }
    by_topic: dict[str, dict[str, Any]] = {}
    for topic, name in enumerate(folder.topics):
        member = labels[:, topic].astype(np.float64)
        if member.any():
            by_topic[name] = {
                "pictures": int(member.sum()),
                "top-1": as_figure(resamples.share(first * member, member)),
                "top-2": as_figure(resamples.share(second * member, member)),
            }
    counts = confusion_matrix(probabilities, labels)
    return TopicFigures(overall, by_topic, {"labels": list(folder.topics), "counts": counts.tolist()})


def _macro(correct: NDArray[np.float64], labels: NDArray[np.float32], weights: NDArray[np.float64]) -> float:
    """Return the mean over topics, those that the resample drew, of the share of their pictures that is right."""
    sizes = weights @ labels
    rights = (weights * correct) @ labels
    return float((rights[sizes > 0] / sizes[sizes > 0]).mean())
