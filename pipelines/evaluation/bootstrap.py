"""Bootstrap intervals over posts, and the bars that they are held to.

One set of resamples serves every method, so comparisons are paired.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import DataError

N_RESAMPLES = 2000
_CHUNK = 200


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its 95 % percentile interval (Efron 1979)."""

    value: float
    low: float
    high: float


class Resamples:
    """How often each of ``n_posts`` posts is drawn in each resample.

    Memory: 2 bytes a post and resample.

    Attributes:
        weights: (n_resamples, n_posts) uint16; rows sum to n_posts.
    """

    def __init__(self, n_posts: int, *, n_resamples: int = N_RESAMPLES, seed: int = 0) -> None:
        """Draw the resamples; the same arguments always draw the same ones.

        Raises:
            DataError: there are no posts.
        """
        if n_posts < 1:
            raise DataError("an interval needs at least one post")
        generator = np.random.default_rng(seed)
        self.weights = np.empty((n_resamples, n_posts), dtype=np.uint16)
        for resample in range(n_resamples):
            draws = generator.integers(0, n_posts, size=n_posts)
            self.weights[resample] = np.bincount(draws, minlength=n_posts)

    def means(self, values: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return (n_resamples,) means of ``values`` (n_posts,)."""
        return self._sums(values) / self.weights.shape[1]

    def interval(self, values: NDArray[np.floating]) -> Interval:
        """Return the mean of ``values`` (n_posts,)."""
        return _interval(float(np.mean(values)), self.means(values))

    def ratio(self, values: NDArray[np.floating], baseline: NDArray[np.floating]) -> Interval:
        """Return the ratio of the means of two methods on the same posts.

        0 / 0 counts as 1, anything else over 0 as infinity.
        """
        value = _ratio(np.array([np.mean(values)]), np.array([np.mean(baseline)]))
        return _interval(float(value[0]), _ratio(self._sums(values), self._sums(baseline)))

    def share(self, parts: NDArray[np.floating], wholes: NDArray[np.floating]) -> Interval:
        """Return sum of ``parts`` over sum of ``wholes``: a group's mean, a recall over hashtags.

        Resamples whose ``wholes`` sum to 0 are left out.

        Raises:
            DataError: ``wholes`` are all 0.
        """
        if not np.asarray(wholes).any():
            raise DataError("a share of nothing has no value")
        below = self._sums(wholes)
        drawn = self._sums(parts)[below > 0] / below[below > 0]
        return _interval(float(np.sum(parts) / np.sum(wholes)), drawn)

    def macro(self, values: NDArray[np.floating], groups: Sequence[str]) -> Interval:
        """Return the mean of the groups' means; a group that a resample misses is left out of that resample.

        Raises:
            DataError: another number of group names than posts.
        """
        if len(groups) != self.weights.shape[1]:
            raise DataError(f"{len(groups)} group names do not fit {self.weights.shape[1]} posts")
        names, group_of = np.unique(np.array(groups), return_inverse=True)
        member = (group_of[:, None] == np.arange(len(names))[None, :]).astype(np.float64)
        sizes = self._sums(member)
        sums = self._sums(member * np.asarray(values, dtype=np.float64)[:, None])
        group_means = np.divide(sums, sizes, out=np.full_like(sums, np.nan), where=sizes > 0)
        value = float(np.mean((member * np.asarray(values)[:, None]).sum(axis=0) / member.sum(axis=0)))
        return _interval(value, np.nanmean(group_means, axis=1))

    def statistic(self, compute: Callable[[NDArray[np.float64]], float]) -> Interval:
        """Return ``compute(weights)``, weights (n_posts,), for figures that are not means: calibration error."""
        n_posts = self.weights.shape[1]
        drawn = np.array([compute(row.astype(np.float64)) for row in self.weights])
        return _interval(compute(np.ones(n_posts)), drawn)

    def _sums(self, values: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return (n_resamples, …) weighted sums over posts, in pieces that stay small in memory."""
        if values.shape[0] != self.weights.shape[1]:
            raise DataError(f"{values.shape[0]} values do not fit {self.weights.shape[1]} posts")
        dense = np.asarray(values, dtype=np.float64)
        pieces = [
            self.weights[start : start + _CHUNK].astype(np.float64) @ dense
            for start in range(0, len(self.weights), _CHUNK)
        ]
        return np.concatenate(pieces)


def as_figure(interval: Interval) -> dict[str, Any] | None:
    """Return an interval as it is written down, or None when it is not finite: a ratio to a method that never hits."""
    return asdict(interval) if all(map(math.isfinite, asdict(interval).values())) else None


@dataclass(frozen=True, slots=True)
class Bar:
    """What one figure should reach.

    Attributes:
        at_least: the figure itself, or None.
        low_above: the lower end of its interval must lie above this, or None.
        at_most: the figure must not be larger, or None.
    """

    at_least: float | None = None
    low_above: float | None = None
    at_most: float | None = None

    def met_by(self, figure: Interval) -> bool:
        """Return whether ``figure`` keeps every limit."""
        return (
            (self.at_least is None or figure.value >= self.at_least)
            and (self.low_above is None or figure.low > self.low_above)
            and (self.at_most is None or figure.value <= self.at_most)
        )

    def in_words(self) -> str:
        """Return the limits for a table."""
        limits = (
            ("at least {:g}", self.at_least),
            ("lower end above {:g}", self.low_above),
            ("at most {:g}", self.at_most),
        )
        return ", ".join(text.format(limit) for text, limit in limits if limit is not None)


@dataclass(slots=True)
class Bars:
    """Bars and the figures held against them, in the order in which they were judged."""

    rows: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def judge(self, name: str, figure: Interval, bar: Bar) -> bool:
        """Keep one figure beside its bar and return whether it was met."""
        met = bar.met_by(figure)
        self.rows[name] = {"figure": as_figure(figure), "bar": bar.in_words(), "met": met}
        return met


def _ratio(values: NDArray[np.float64], baseline: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values over baseline, with 0 / 0 = 1."""
    nothing = np.where(values > 0, np.inf, 1.0)
    return np.divide(values, baseline, out=nothing, where=baseline > 0)


def _interval(value: float, drawn: NDArray[np.float64]) -> Interval:
    """Return the interval of the middle 95 %, rounded outward so that infinity needs no interpolation."""
    low = float(np.quantile(drawn, 0.025, method="lower"))
    high = float(np.quantile(drawn, 0.975, method="higher"))
    return Interval(value, low, high)
