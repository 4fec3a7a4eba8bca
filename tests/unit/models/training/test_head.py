"""Fitting and calibrating the topic head."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.train

from models.training.config import HeadConfig, Loss
from models.training.head import (
    FittedHead,
    add_photo_energy,
    fit_head,
    fit_temperature,
    flatten_views,
    held_out_logits,
    smooth_targets,
    softmax,
    topic_weights,
)

CONFIG = HeadConfig(0, 1e-3, 0.0, 0.0, 0.0, 200, "single")


def clusters(n: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return three separable groups of points with their labels."""
    rng = np.random.default_rng(seed)
    which = rng.integers(0, 3, n)
    inputs = (np.eye(3, 5)[which] * 2 + rng.normal(0, 0.4, (n, 5))).astype(np.float32)
    return inputs, np.eye(3, dtype=np.float32)[which]


@pytest.mark.parametrize("loss", ["single", "multi"])
def test_the_head_is_where_the_gradient_vanishes(loss: Loss) -> None:
    """Loss and penalty pull equally at the weights that were found."""
    inputs, labels = clusters()
    config = HeadConfig(0, 1e-2, 0.1, 0.0, 0.0, 300, loss)
    weights = np.linspace(0.5, 1.5, len(labels)).astype(np.float32)
    head = fit_head(inputs, labels, weights, config)
    logits = inputs @ head.weight + head.bias
    targets = smooth_targets(torch.from_numpy(labels), 0.1, loss).numpy()
    guess = softmax(logits) if loss == "single" else 1 / (1 + np.exp(-logits))
    gradient = inputs.T @ ((guess - targets) * weights[:, None]) / weights.sum() + 1e-2 * head.weight
    assert np.abs(gradient).max() < 1e-4


def test_clusters_are_told_apart_and_equal_runs_are_equal() -> None:
    """Separable topics are learnt, and the optimum does not depend on chance."""
    inputs, labels = clusters()
    ones = np.ones(len(labels), np.float32)
    first, second = fit_head(inputs, labels, ones, CONFIG), fit_head(inputs, labels, ones, CONFIG)
    assert np.array_equal(first.weight, second.weight)
    assert (first.logits(inputs).argmax(axis=1) == labels.argmax(axis=1)).mean() > 0.95


def test_several_labels_share_the_target() -> None:
    """Two topics get half each; smoothing takes from both and gives to all."""
    labels = torch.tensor([[1.0, 1.0, 0.0, 0.0]])
    assert smooth_targets(labels, 0.0, "single").tolist() == [[0.5, 0.5, 0.0, 0.0]]
    assert smooth_targets(labels, 0.2, "single").tolist() == [pytest.approx([0.45, 0.45, 0.05, 0.05])]
    assert smooth_targets(labels, 0.2, "multi").tolist() == [pytest.approx([0.9, 0.9, 0.1, 0.1])]


def test_full_balance_makes_topics_count_equally() -> None:
    """A topic with one picture weighs as much as one with three."""
    labels = np.array([[1, 0], [1, 0], [1, 0], [0, 1]], dtype=np.float32)
    weights = topic_weights(labels, 1.0)
    assert weights[:3].sum() == pytest.approx(weights[3])
    assert weights.mean() == pytest.approx(1)
    assert topic_weights(labels, 0.0).tolist() == [1, 1, 1, 1]


def test_the_temperature_undoes_overconfidence() -> None:
    """Logits three times too large are divided by about three."""
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 1.5, (4000, 4)).astype(np.float32)
    drawn = np.array([rng.choice(4, p=row / row.sum()) for row in softmax(logits).astype(np.float64)])
    labels = np.eye(4, dtype=np.float32)[drawn]
    assert fit_temperature([(3 * logits, labels)]) == pytest.approx(3, rel=0.1)


def test_every_calibration_set_counts_equally() -> None:
    """A small set pulls as hard as a large one."""
    inputs, labels = clusters(200)
    logits = fit_head(inputs, labels, np.ones(200, np.float32), CONFIG).logits(inputs)
    few, many = (4 * logits[:20], labels[:20]), (logits, labels)
    both = fit_temperature([few, many])
    assert (
        min(fit_temperature([few]), fit_temperature([many]))
        <= both
        <= max(fit_temperature([few]), fit_temperature([many]))
    )
    assert fit_temperature([few, many]) == fit_temperature([many, few])


def test_held_out_logits_come_from_heads_that_did_not_see_the_group() -> None:
    """The logits of a group do not change when its own labels do."""
    inputs, labels = clusters()
    groups = np.arange(len(labels)) % 3
    ones, views = np.ones(len(labels), np.float32), inputs[:, None]
    before = held_out_logits(views, labels, ones, groups, CONFIG)
    changed = labels.copy()
    changed[groups == 0] = np.roll(changed[groups == 0], 1, axis=1)
    after = held_out_logits(views, changed, ones, groups, CONFIG)
    assert np.array_equal(before[groups == 0], after[groups == 0])
    assert not np.array_equal(before[groups == 1], after[groups == 1])


def test_views_take_the_labels_of_their_picture() -> None:
    """Flattening keeps rows, labels and weights together."""
    inputs = np.arange(12, dtype=np.float32).reshape(2, 3, 2)
    flat, labels, weights = flatten_views(inputs, np.eye(2, dtype=np.float32), np.array([1, 2], np.float32))
    assert flat[3].tolist() == inputs[1, 0].tolist()
    assert labels.argmax(axis=1).tolist() == [0, 0, 0, 1, 1, 1]
    assert weights.tolist() == [1, 1, 1, 2, 2, 2]


def test_photo_energy_separates_noise_and_leaves_topics_alone() -> None:
    """The sum of the logits becomes log-odds of a photograph; no topic probability moves."""
    photographs, labels = clusters(90)
    noise = (np.random.default_rng(2).normal(0, 0.4, (40, 5)) - 3).astype(np.float32)
    head = fit_head(photographs, labels, np.ones(90, np.float32), CONFIG)
    taught = add_photo_energy(head, photographs, noise)
    assert np.abs(softmax(taught.logits(photographs)) - softmax(head.logits(photographs))).max() < 1e-4
    assert (np.logaddexp.reduce(taught.logits(photographs), axis=1) > 0).mean() > 0.95
    assert (np.logaddexp.reduce(taught.logits(noise), axis=1) < 0).mean() > 0.95


def test_a_head_is_a_linear_layer() -> None:
    """Logits are inputs times weights plus bias."""
    head = FittedHead(np.eye(2, dtype=np.float32), np.array([1, -1], np.float32))
    assert head.logits(np.array([[2, 3]], np.float32)).tolist() == [[3, 2]]
