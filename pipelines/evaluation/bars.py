"""The figures that a bundle is held to, each with its bar and whether it was met."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipelines.evaluation.bootstrap import Interval
from pipelines.evaluation.scoreboard import as_figure


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
