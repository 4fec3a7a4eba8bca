"""Accuracy and calibration against their definitions, spelt out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.labelled.topic_metrics import confusion_matrix, expected_calibration_error, score_topics


def naive_ece(confidence: list[float], is_right: list[bool]) -> float:
    """Return the calibration error bin by bin."""
    total = 0.0
    for index in range(10):
        low, high = index / 10, (index + 1) / 10
        inside = [i for i, c in enumerate(confidence) if (low < c <= high) or (index == 0 and c == 0)]
        if inside:
            gap = sum(confidence[i] for i in inside) / len(inside) - sum(is_right[i] for i in inside) / len(inside)
            total += abs(gap) * len(inside) / len(confidence)
    return total


@given(st.lists(st.tuples(st.integers(0, 1000), st.booleans()), min_size=1, max_size=60))
def test_calibration_error_equals_its_definition(pairs: list[tuple[int, bool]]) -> None:
    """Binned at once or bin by bin: the same error."""
    confidence, is_right = [p / 1000 for p, _ in pairs], [right for _, right in pairs]
    fast = expected_calibration_error(np.array(confidence), np.array(is_right))
    assert fast == pytest.approx(naive_ece(confidence, is_right), abs=1e-9)


@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(2, 6))
def test_hits_equal_their_definition(seed: int, n: int, n_topics: int) -> None:
    """Top-1, top-2 and macro agree with counting by hand; several labels make several right answers."""
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.ones(n_topics), size=n)
    labels = (rng.random((n, n_topics)) < 0.3).astype(np.float32)
    labels[np.arange(n), rng.integers(0, n_topics, n)] = 1
    ranked = [sorted(range(n_topics), key=(-row).__getitem__) for row in probabilities]
    top1 = [labels[i, ranked[i][0]] > 0 for i in range(n)]
    top2 = [any(labels[i, t] > 0 for t in ranked[i][:2]) for i in range(n)]
    by_topic = [np.mean([top1[i] for i in range(n) if labels[i, t] > 0]) for t in range(n_topics) if labels[:, t].any()]
    scores = score_topics(probabilities, labels)
    assert scores.top1 == pytest.approx(np.mean(top1))
    assert scores.top2 == pytest.approx(np.mean(top2))
    assert scores.macro_top1 == pytest.approx(np.mean(by_topic))
    assert confusion_matrix(probabilities, labels).sum() == n
    assert np.trace(confusion_matrix(probabilities, labels)) == sum(top1)


def test_a_wrong_picture_counts_in_the_row_of_its_label() -> None:
    """Rows are the truth, columns what it was taken for."""
    counts = confusion_matrix(np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([[1, 0], [1, 0]]))
    assert counts.tolist() == [[1, 1], [0, 0]]
