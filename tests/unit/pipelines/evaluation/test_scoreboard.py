"""Scoreboards: methods on the same queries, in groups that add up, and bars that are met or missed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from core.errors import DataError
from core.query import Query
from pipelines.evaluation.bootstrap import Bar, Bars, Interval, Resamples, as_figure
from pipelines.evaluation.scoreboard import Scoreboard, band_of, stands_in_caption


@dataclass(frozen=True)
class ToyCase:
    """A case by hand."""

    source: str
    query: Query
    hidden: frozenset[str]
    topic: str | None = None


class Fixed:
    """Answers the lists that it was made with."""

    def __init__(self, *lists: list[str]) -> None:
        self._lists = list(lists)

    def rank(self, queries: Sequence[Query], k: int) -> list[list[str]]:
        """Return the lists, cut at ``k``."""
        return [ranked[:k] for ranked in self._lists[: len(queries)]]


CASES = [
    ToyCase("insta", Query(words=("new", "york", "dog")), frozenset({"dog", "newyork"}), "pets"),
    ToyCase("insta", Query(seeds=("a",)), frozenset({"cat", "rare"}), "pets"),
    ToyCase("flickr", Query(seeds=("b",)), frozenset({"sun"})),
]


def board() -> Scoreboard:
    """Return a good and a bad method's answers to three posts."""
    scoreboard = Scoreboard(CASES, Resamples(3, n_resamples=50, seed=0))
    scoreboard.add("good", Fixed(["dog", "x", "newyork"], ["cat"], ["sun"]))
    scoreboard.add("bad", Fixed(["x", "y", "dog"], ["x", "cat"], ["x", "sun"]))
    return scoreboard


def test_overall_figures_are_means_over_posts() -> None:
    """A row a method, an interval a metric."""
    overall = board().overall()
    assert overall["good"]["P@1"]["value"] == 1.0
    assert overall["bad"]["P@1"]["value"] == 0.0
    assert overall["good"]["R@10"]["value"] == pytest.approx((1 + 0.5 + 1) / 3)
    assert overall["good"]["R@10"]["low"] <= overall["good"]["R@10"]["value"] <= overall["good"]["R@10"]["high"]


def test_sources_alike_gives_each_source_the_same_voice() -> None:
    """A source with one post counts as much as one with two."""
    values = board().values("good")
    expected = (values[:2].mean() + values[2]) / 2
    assert board().overall()["good"]["nDCG@10, sources alike"]["value"] == pytest.approx(expected)


def test_ratios_leave_the_baseline_itself_out() -> None:
    """One row for each other method."""
    ratios = board().ratios("bad")
    assert list(ratios) == ["good"]
    expected = board().values("good").mean() / board().values("bad").mean()
    assert ratios["good"]["ratio"]["value"] == pytest.approx(expected)


def test_groups_hold_the_means_of_their_posts() -> None:
    """Largest first, those without a group left out, the first method under the metric's name."""
    by_source = board().by(lambda case: case.source, ["good", "bad"])
    assert [(name, row["posts"]) for name, row in by_source.items()] == [("insta", 2), ("flickr", 1)]
    assert by_source["flickr"]["nDCG@10"]["value"] == 1.0
    assert by_source["flickr"]["bad"]["value"] == pytest.approx(1 / np.log2(3))
    assert list(board().by(lambda case: case.topic, ["good"])) == ["pets"]


def test_recall_is_counted_over_hidden_hashtags() -> None:
    """Those that stand in the caption apart from the others."""
    table = board().recall_by_target(stands_in_caption, ["good", "bad"])
    assert {name: row["hidden hashtags"] for name, row in table.items()} == {
        "in the caption": 2,
        "not in the caption": 3,
    }
    assert table["in the caption"]["recall"]["value"] == 1.0
    assert table["in the caption"]["bad"]["value"] == 0.5
    assert table["not in the caption"]["recall"]["value"] == pytest.approx(2 / 3)


def test_semantic_hits_are_measured_where_there_are_vectors() -> None:
    """A near word makes the semantic figure larger than the exact one."""
    vectors = {"sun": np.array([1.0, 0.0], dtype=np.float32), "sunny": np.array([0.9, 0.436], dtype=np.float32)}
    scoreboard = Scoreboard(CASES[2:], Resamples(1, n_resamples=5), vectors=vectors)
    values = scoreboard.add("near", Fixed(["sunny"])).values
    assert (values["P@5"][0], values["semantic P@5"][0]) == (0.0, 0.2)


def test_a_method_that_was_not_measured_is_named() -> None:
    """The error lists what there is."""
    with pytest.raises(DataError, match="good, bad"):
        board().values("other")


def test_bands_follow_the_number_of_posts() -> None:
    """A hashtag without posts is outside the vocabulary."""
    assert [band_of(n) for n in (0, 3, 10, 999, 1000)] == [
        "not in the vocabulary",
        "under 10 posts",
        "10 to 99 posts",
        "100 to 999 posts",
        "1000 posts and more",
    ]


@pytest.mark.parametrize(
    ("bar", "met"),
    [
        (Bar(at_least=1.05), True),
        (Bar(at_least=1.07), False),
        (Bar(low_above=1.02), True),
        (Bar(at_least=1.05, low_above=1.03), False),
        (Bar(at_most=1.06), True),
        (Bar(at_most=1.0), False),
    ],
)
def test_a_bar_is_met_when_every_limit_is_kept(bar: Bar, met: bool) -> None:
    """The figure for its limits, the lower end of its interval for its own."""
    bars = Bars()
    assert bars.judge("a", Interval(1.06, 1.03, 1.09), bar) is met
    assert bars.rows["a"]["met"] is met
    assert bars.rows["a"]["figure"] == {"value": 1.06, "low": 1.03, "high": 1.09}


def test_bars_are_told_in_words() -> None:
    """A table says what was asked for."""
    assert Bar(at_least=1.05, low_above=1.02).in_words() == "at least 1.05, lower end above 1.02"


def test_an_infinite_ratio_is_written_as_nothing() -> None:
    """JSON has no infinity."""
    assert as_figure(Interval(np.inf, 1.0, np.inf)) is None
