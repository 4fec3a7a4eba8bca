"""Three ways to tell what is out of place, each equal to its plain form."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pipelines.outliers.scores import (
    COPIES,
    MOST_COPIES,
    NEIGHBOURS,
    PENALTY,
    SIGMAS,
    WARMTH,
    LabelledFeatures,
    Method,
    by_centroid,
    copies_of,
    find_outliers,
    held_out_scores,
    neighbour_agreement,
    principal_components,
)

pytestmark = pytest.mark.train
pytest.importorskip("sklearn")

Floats = NDArray[np.float32]


def themed(n_each: int, n_wrong: int, seed: int, width: int = 40) -> tuple[LabelledFeatures, NDArray[np.bool_]]:
    """Three topics far apart, and pictures of one under the label of another."""
    chance = np.random.default_rng(seed)
    centres = chance.random((3, width)) * 4
    truth = np.repeat(np.arange(3), n_each)
    features = np.maximum(centres[truth] + chance.normal(size=(len(truth), width)) * 0.6, 0).astype(np.float32)
    given = truth.copy()
    wrong = np.zeros(len(truth), dtype=np.bool_)
    wrong[chance.choice(len(truth), n_wrong, replace=False)] = True
    given[wrong] = (truth[wrong] + 1) % 3
    labels = np.eye(3, dtype=np.float32)[given]
    logits = (features @ chance.normal(size=(width, 1000)) * 0.3).astype(np.float32)
    return LabelledFeatures(features, logits, labels, [f"source {n % 7}" for n in range(len(truth))]), wrong


def test_confidence_finds_what_was_put_under_another_topic() -> None:
    """All of it and nothing else, where topics are far apart; and says where it belongs."""
    looked, wrong = themed(120, 9, 3)
    verdict = find_outliers("confidence", looked)
    assert (verdict.outlier == wrong).all()
    belongs = (looked.labels.argmax(axis=1) - 1) % 3
    assert (verdict.believed[wrong] == belongs[wrong]).all()


@pytest.mark.parametrize("method", ["centroid", "kmeans", "confidence"])
def test_the_same_pictures_give_the_same_verdict(method: Method) -> None:
    """Bit for bit; strengths are finite and not negative."""
    looked, _ = themed(25, 4, 1)
    first, second = find_outliers(method, looked), find_outliers(method, looked)
    assert (first.strength == second.strength).all()
    assert np.isfinite(first.strength).all()
    assert (first.strength >= 0).all()


def test_pictures_of_two_topics_stay_where_they_fit_one() -> None:
    """``travel;architecture`` is no outlier when it looks like architecture."""
    looked, wrong = themed(120, 9, 3)
    both = looked.labels.copy()
    both[wrong, (looked.labels[wrong].argmax(axis=1) - 1) % 3] = 1
    again = LabelledFeatures(looked.features, looked.logits, both, looked.sources)
    assert not find_outliers("confidence", again).outlier[wrong].any()


def test_centroid_distance_is_that_of_the_published_rule() -> None:
    """Beyond the mean distance of the topic by two standard deviations."""
    looked, _ = themed(30, 5, 2)
    expected = np.zeros(len(looked.labels), dtype=np.bool_)
    for topic in range(3):
        rows = [row for row in range(len(looked.labels)) if looked.labels[row, topic]]
        centre = np.mean([looked.features[row].astype(float) for row in rows], axis=0)
        distances = [float(np.linalg.norm(looked.features[row] - centre)) for row in rows]
        limit = np.mean(distances) + SIGMAS * np.std(distances)
        for row, distance in zip(rows, distances, strict=True):
            expected[row] = distance >= limit
    assert (by_centroid(looked).outlier == expected).all()


def test_held_out_scores_equal_refitting_without_the_group() -> None:
    """Each group left out in earnest, the ridge solved again, with every row's trust."""
    chance = np.random.default_rng(4)
    inputs = chance.normal(size=(24, 5)).astype(np.float32)
    targets = chance.random((24, 3))
    groups = np.repeat(np.arange(9), [1, 2, 3, 1, 4, 5, 2, 3, 3])
    trust = chance.random(24)
    trust[3] = 0.0
    design = np.concatenate([inputs - inputs.mean(axis=0), np.full((24, 1), 0.3)], axis=1).astype(np.float64)
    expected = np.zeros((24, 3))
    for group in range(9):
        rest, held = groups != group, groups == group
        gram = sum(t * np.outer(row, row) for t, row in zip(trust[rest], design[rest], strict=True))
        weights = np.linalg.solve(
            gram + PENALTY * np.eye(6),
            sum(t * np.outer(row, y) for t, row, y in zip(trust[rest], design[rest], targets[rest], strict=True)),
        )
        expected[held] = design[held] @ weights
    found = held_out_scores(inputs, targets.astype(np.float32), groups, trust)
    assert found == pytest.approx(expected, abs=1e-5)


def test_neighbour_agreement_equals_the_plain_sum() -> None:
    """Over the nearest outside the group, weighted by likeness."""
    chance = np.random.default_rng(6)
    inputs = chance.random((60, 8)).astype(np.float32)
    labels = np.eye(3, dtype=np.float32)[chance.integers(0, 3, 60)]
    groups = np.arange(60) // 2
    unit = inputs / np.linalg.norm(inputs, axis=1, keepdims=True)
    expected = []
    for row in range(60):
        others = sorted(
            (other for other in range(60) if groups[other] != groups[row]), key=lambda o: -float(unit[row] @ unit[o])
        )[:NEIGHBOURS]
        weights = [float(np.exp(WARMTH * (unit[row] @ unit[other]))) for other in others]
        agreeing = [w for w, other in zip(weights, others, strict=True) if labels[other] @ labels[row] > 0]
        expected.append(sum(agreeing) / sum(weights))
    assert neighbour_agreement(inputs, labels, groups) == pytest.approx(np.array(expected), abs=1e-5)


def test_copies_do_not_vouch_for_each_other() -> None:
    """The same wrong picture posted twice is still wrong."""
    looked, wrong = themed(40, 1, 8)
    row = int(np.flatnonzero(wrong)[0])
    twice = LabelledFeatures(
        np.concatenate([looked.features, *[looked.features[row : row + 1]] * 6]),
        np.concatenate([looked.logits, *[looked.logits[row : row + 1]] * 6]),
        np.concatenate([looked.labels, *[looked.labels[row : row + 1]] * 6]),
        [*looked.sources, *["other"] * 6],
    )
    assert find_outliers("confidence", twice).outlier[[row, -1, -6]].all()


def test_copies_are_grouped_through_others() -> None:
    """A is a copy of B and B of C: one group, as far as likeness reaches."""
    angle = np.arccos(COPIES) * 0.9
    inputs = np.array([[np.cos(n * angle), np.sin(n * angle)] for n in (0, 1, 2, 9)], dtype=np.float32)
    groups = copies_of(inputs)
    assert groups[0] == groups[1] == groups[2] != groups[3]


def test_a_style_is_no_copy() -> None:
    """A catalogue of pictures on white is not thrown out because its pictures look alike."""
    alike = np.tile(np.array([[1.0, 0.0]], dtype=np.float32), (MOST_COPIES + 1, 1))
    assert len(set(copies_of(alike).tolist())) == MOST_COPIES + 1
    assert len(set(copies_of(alike[1:]).tolist())) == 1


def test_components_beyond_the_inputs_are_the_inputs() -> None:
    """Small folders have fewer pictures than components."""
    inputs = np.random.default_rng(0).random((6, 4)).astype(np.float32)
    assert principal_components(inputs, 100, 0) == pytest.approx(inputs - inputs.mean(axis=0))
    assert principal_components(inputs, 2, 0).shape == (6, 2)
