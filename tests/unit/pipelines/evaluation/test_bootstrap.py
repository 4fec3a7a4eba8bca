"""Intervals: seeded, paired, and equal to resampling by hand."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import DataError
from pipelines.evaluation.bootstrap import Interval, Resamples
from pipelines.evaluation.metrics import expected_calibration_error


def naive_draws(n_posts: int, n_resamples: int, seed: int) -> list[np.ndarray]:
    """Return the posts of each resample, drawn one resample after the other."""
    generator = np.random.default_rng(seed)
    return [generator.integers(0, n_posts, size=n_posts) for _ in range(n_resamples)]


def naive_interval(value: float, drawn: list[float]) -> Interval:
    """Return the middle 95 % by sorting, rounded outward."""
    ordered = sorted(drawn)
    last = len(ordered) - 1
    return Interval(value, ordered[int(np.floor(0.025 * last))], ordered[int(np.ceil(0.975 * last))])


def same(one: Interval, other: Interval) -> bool:
    """Whether two intervals agree to rounding."""
    return np.allclose([one.value, one.low, one.high], [other.value, other.low, other.high], atol=1e-12)


GENERATOR = np.random.default_rng(5)
OURS = GENERATOR.random(40)
THEIRS = OURS * 0.7 + GENERATOR.random(40) * 0.2
DRAWS = naive_draws(40, 300, 7)
RESAMPLES = Resamples(40, n_resamples=300, seed=7)


def test_the_interval_of_a_mean_equals_its_naive_twin() -> None:
    """Weights times values give what drawing posts and averaging gives."""
    drawn = [float(OURS[draw].mean()) for draw in DRAWS]
    assert same(RESAMPLES.interval(OURS), naive_interval(float(OURS.mean()), drawn))


def test_a_ratio_is_paired_and_equals_its_naive_twin() -> None:
    """Both methods are averaged over the same drawn posts."""
    ratios = [float(OURS[draw].mean() / THEIRS[draw].mean()) for draw in DRAWS]
    expected = naive_interval(float(OURS.mean() / THEIRS.mean()), ratios)
    assert same(RESAMPLES.ratio(OURS, THEIRS), expected)


def test_pairing_narrows_the_interval_of_methods_that_agree() -> None:
    """A constant gain has no spread although the posts themselves do."""
    found = RESAMPLES.ratio(OURS * 1.1, OURS)
    assert found.low == pytest.approx(1.1)
    assert found.high == pytest.approx(1.1)
    assert RESAMPLES.interval(OURS).high - RESAMPLES.interval(OURS).low > 0.05


def test_a_share_leaves_out_resamples_without_its_group() -> None:
    """The mean of a small group is resampled with its size, and a resample that misses it says nothing."""
    member = np.zeros(40)
    member[:2] = 1.0
    drawn = [float(OURS[draw][draw < 2].mean()) for draw in DRAWS if (draw < 2).any()]
    assert len(drawn) < len(DRAWS)
    assert same(RESAMPLES.share(OURS * member, member), naive_interval(float(OURS[:2].mean()), drawn))
    with pytest.raises(DataError, match="nothing"):
        RESAMPLES.share(np.zeros(40), np.zeros(40))


def test_macro_intervals_equal_their_naive_twin() -> None:
    """Group means within each resample, then their mean."""
    groups = ["a"] * 10 + ["b"] * 30
    names = np.array(groups)
    drawn = []
    for draw in DRAWS:
        means = [OURS[draw][names[draw] == name].mean() for name in ("a", "b") if (names[draw] == name).any()]
        drawn.append(float(np.mean(means)))
    value = float((OURS[:10].mean() + OURS[10:].mean()) / 2)
    assert same(RESAMPLES.macro(OURS, groups), naive_interval(value, drawn))


def test_other_figures_are_resampled_through_their_weights() -> None:
    """The calibration error of drawn pictures equals that of weighted ones."""
    correct = (OURS > 0.4).astype(float)
    drawn = [expected_calibration_error(OURS[draw], correct[draw]) for draw in DRAWS]
    expected = naive_interval(expected_calibration_error(OURS, correct), drawn)
    assert same(RESAMPLES.statistic(lambda weights: expected_calibration_error(OURS, correct, weights)), expected)


def test_the_same_seed_draws_the_same_posts() -> None:
    """Intervals are reproducible, and another seed draws others."""
    again, other = Resamples(40, n_resamples=300, seed=7), Resamples(40, n_resamples=300, seed=8)
    np.testing.assert_array_equal(RESAMPLES.weights, again.weights)
    assert (RESAMPLES.weights != other.weights).any()
    assert (RESAMPLES.weights.sum(axis=1) == 40).all()


def test_nothing_over_nothing_is_one_and_something_over_nothing_is_infinite() -> None:
    """A baseline that never hits does not make NaN."""
    nothing = np.zeros(40)
    assert RESAMPLES.ratio(nothing, nothing) == Interval(1.0, 1.0, 1.0)
    assert RESAMPLES.ratio(OURS, nothing).low == np.inf


def test_no_posts_and_other_posts_are_refused() -> None:
    """Values of another number of posts cannot be paired."""
    with pytest.raises(DataError, match="at least one post"):
        Resamples(0)
    with pytest.raises(DataError, match="do not fit"):
        RESAMPLES.interval(np.ones(3))
    with pytest.raises(DataError, match="group names"):
        RESAMPLES.macro(OURS, ["a"])


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """Of 200 samples of a known mean, 88 to 99 in a hundred intervals hold it."""
    generator = np.random.default_rng(11)
    resamples = Resamples(60, n_resamples=400, seed=1)
    found = [resamples.interval(generator.exponential(size=60)) for _ in range(200)]
    assert 0.88 <= np.mean([interval.low <= 1.0 <= interval.high for interval in found]) <= 0.99
