"""Figures of merit: each equals a naive twin, and a few that can be checked by eye."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import DataError
from pipelines.evaluation.metrics import (
    expected_calibration_error,
    jaccard,
    ranking_metrics,
    semantic_hit_ratio,
    top_k_correct,
)

tags = st.sampled_from([f"t{number}" for number in range(25)])
lists = st.lists(tags, max_size=15, unique=True)


def naive(suggested: list[str], hidden: set[str]) -> dict[str, float]:
    """Return the ranking metrics of one post, by their definitions."""
    first5 = [tag for tag in suggested[:5] if tag in hidden]
    first10 = [tag for tag in suggested[:10] if tag in hidden]
    gain = sum(1 / math.log2(rank + 2) for rank, tag in enumerate(suggested[:10]) if tag in hidden)
    ideal = sum(1 / math.log2(rank + 2) for rank in range(min(10, len(hidden))))
    return {
        "P@1": float(bool(suggested) and suggested[0] in hidden),
        "P@5": len(first5) / 5,
        "R@5": len(first5) / len(hidden),
        "A@5": float(len(first5) > 0),
        "R@10": len(first10) / len(hidden),
        "nDCG@10": gain / ideal,
    }


@given(st.lists(st.tuples(lists, st.sets(tags, min_size=1, max_size=14)), min_size=1, max_size=8))
def test_ranking_metrics_equal_their_naive_twins(cases: list[tuple[list[str], set[str]]]) -> None:
    """Whole matrices give what the definitions give, post by post."""
    values = ranking_metrics([ranked for ranked, _ in cases], [hidden for _, hidden in cases])
    assert tuple(values) == ("P@1", "P@5", "R@5", "A@5", "R@10", "nDCG@10")
    for row, (ranked, hidden) in enumerate(cases):
        for name, expected in naive(ranked, hidden).items():
            assert values[name][row] == pytest.approx(expected, abs=1e-12)


def test_a_perfect_list_scores_one_and_an_empty_one_nothing() -> None:
    """The ends of the scale."""
    values = ranking_metrics([["a", "b"], []], [{"a", "b"}, {"a"}])
    assert values["nDCG@10"].tolist() == [1.0, 0.0]
    assert values["R@10"].tolist() == [1.0, 0.0]
    assert values["A@5"].tolist() == [1.0, 0.0]


def test_unknown_targets_count_as_misses() -> None:
    """Hidden hashtags that nobody could suggest still stand in the ideal."""
    assert ranking_metrics([["a"]], [{"a", "outofvocabulary"}])["R@10"][0] == 0.5


@pytest.mark.parametrize(
    ("ranked", "hidden", "message"),
    [([["a"]], [set()], "hides no hashtag"), ([["a", "a"]], [{"a"}], "twice"), ([["a"]], [], "cannot be scored")],
)
def test_what_cannot_be_scored_is_refused(ranked: list[list[str]], hidden: list[set[str]], message: str) -> None:
    """A duplicate would count twice, and a post without hidden hashtags is no test."""
    with pytest.raises(DataError, match=message):
        ranking_metrics(ranked, hidden)


VECTORS = {
    "dog": np.array([1.0, 0.0], dtype=np.float32),
    "puppy": np.array([0.8, 0.6], dtype=np.float32),
    "ring": np.array([0.0, 1.0], dtype=np.float32),
}


def test_semantic_hits_are_exact_hits_or_near_ones() -> None:
    """A near word counts, a far one does not, and one without a vector must be equal."""
    values = semantic_hit_ratio(
        [["puppy", "ring", "unknown"], ["unknown"]], [{"dog"}, {"unknown", "dog"}], VECTORS, threshold=0.7
    )
    assert values.tolist() == [1 / 5, 1 / 5]


@given(st.lists(st.sampled_from(["dog", "puppy", "ring", "new"]), unique=True), st.floats(-1, 1))
def test_semantic_hits_equal_their_naive_twin(suggested: list[str], threshold: float) -> None:
    """Loops over pairs count the same hits."""
    hidden = ["dog", "other", "ring"]
    near = 0
    for tag in suggested[:5]:
        cosines = [float(VECTORS[tag] @ VECTORS[target]) for target in hidden if tag in VECTORS and target in VECTORS]
        near += tag in hidden or any(cosine >= threshold for cosine in cosines)
    assert semantic_hit_ratio([suggested], [hidden], VECTORS, threshold=threshold)[0] == near / 5


@given(lists, lists)
def test_jaccard_equals_its_naive_twin(first: list[str], second: list[str]) -> None:
    """Shared over all, of the first ten of each; the same lists share everything."""
    every = {*first[:10], *second[:10]}
    both = [tag for tag in every if tag in first[:10] and tag in second[:10]]
    assert jaccard(first, second) == (len(both) / len(every) if every else 1.0)
    assert jaccard(first, first) == 1.0


def test_a_topic_is_right_when_it_is_one_of_the_labels() -> None:
    """Top-1 and top-2 with one and with two labels, and a tie that goes to the lower index."""
    probabilities = np.array([[0.6, 0.3, 0.1], [0.1, 0.2, 0.7], [0.4, 0.4, 0.2]])
    labels = [{0}, {1, 0}, {1}]
    assert top_k_correct(probabilities, labels, 1).tolist() == [1.0, 0.0, 0.0]
    assert top_k_correct(probabilities, labels, 2).tolist() == [1.0, 1.0, 1.0]


def naive_calibration_error(confidence: list[float], correct: list[float]) -> float:
    """Return the expected calibration error by loops over ten bins."""
    total = 0.0
    for number in range(10):
        low, high = number / 10, (number + 1) / 10
        inside = [
            place for place, value in enumerate(confidence) if low < value <= high or (number == 0 and value == 0.0)
        ]
        if inside:
            accuracy = sum(correct[place] for place in inside) / len(inside)
            sure = sum(confidence[place] for place in inside) / len(inside)
            total += len(inside) / len(confidence) * abs(accuracy - sure)
    return total


@given(st.lists(st.tuples(st.integers(0, 997).map(lambda n: n / 997), st.booleans()), min_size=1, max_size=60))
def test_calibration_error_equals_its_naive_twin(pairs: list[tuple[float, bool]]) -> None:
    """Sums over bins give what loops give."""
    confidence = [value for value, _ in pairs]
    correct = [float(right) for _, right in pairs]
    found = expected_calibration_error(np.array(confidence), np.array(correct))
    assert found == pytest.approx(naive_calibration_error(confidence, correct), abs=1e-9)


def test_weights_count_a_prediction_several_times() -> None:
    """A weight of two is the same prediction twice, and weight nothing is no prediction."""
    confidence, correct = np.array([0.95, 0.35, 0.32]), np.array([1.0, 0.0, 1.0])
    doubled = expected_calibration_error(confidence[[0, 0, 1]], correct[[0, 0, 1]])
    assert expected_calibration_error(confidence, correct, np.array([2, 1, 0])) == pytest.approx(doubled)
    with pytest.raises(DataError, match="at least one"):
        expected_calibration_error(confidence, correct, np.zeros(3))
