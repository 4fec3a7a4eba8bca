"""Several methods on the same queries, as nested figures: all posts, by source, by topic, by frequency, by caption.

Every figure is a 95 % interval over the same resamples of posts, so two methods' figures are always paired.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from core.errors import DataError
from core.query import Query
from core.text.caption import phrases
from pipelines.evaluation.bootstrap import Interval, Resamples, as_figure
from pipelines.evaluation.metrics import DEPTH, Values, ranking_metrics, semantic_hit_ratio

MAIN_METRIC = "nDCG@10"
BANDS = (
    (1000, "1000 posts and more"),
    (100, "100 to 999 posts"),
    (10, "10 to 99 posts"),
    (1, "under 10 posts"),
    (0, "not in the vocabulary"),
)
MAX_PHRASE_WORDS = 4

Figures = dict[str, Any]


class Case(Protocol):
    """One post with some of its hashtags hidden."""

    @property
    def source(self) -> str:
        """Where the post comes from."""
        ...

    @property
    def topic(self) -> str | None:
        """What the post is about, where that is known: for tables, never for answers."""
        ...

    @property
    def query(self) -> Query:
        """What is asked."""
        ...

    @property
    def hidden(self) -> Collection[str]:
        """The hashtags to be found, at least one."""
        ...


class Ranker(Protocol):
    """Anything that answers queries with ranked hashtags."""

    def rank(self, queries: Sequence[Query], k: int) -> list[list[str]]:
        """Return for each query at most k different hashtags, best first."""
        ...


@dataclass(frozen=True, slots=True)
class Scored:
    """One method's lists and what they are worth.

    Attributes:
        lists: for each case the first ten hashtags.
        values: metric -> (n_cases,) values.
    """

    lists: list[list[str]]
    values: dict[str, Values]


class Scoreboard:
    """What several methods found for the same cases."""

    def __init__(
        self,
        cases: Sequence[Case],
        resamples: Resamples,
        *,
        vectors: Mapping[str, NDArray[np.float32]] | None = None,
    ) -> None:
        """Measure on ``cases``, with semantic hits where there are unit ``vectors``."""
        self._cases = cases
        self._queries = [case.query for case in cases]
        self._hidden = [frozenset(case.hidden) for case in cases]
        self._resamples = resamples
        self._vectors = vectors
        self._scored: dict[str, Scored] = {}

    def add(self, name: str, ranker: Ranker) -> Scored:
        """Ask ``ranker`` every query and keep what its lists are worth under ``name``.

        Raises:
            DataError: it answered another number of queries, or a hashtag twice.
        """
        lists = [ranked[:DEPTH] for ranked in ranker.rank(self._queries, DEPTH)]
        values = ranking_metrics(lists, self._hidden)
        if self._vectors is not None:
            values["semantic P@5"] = semantic_hit_ratio(lists, self._hidden, self._vectors)
        self._scored[name] = Scored(lists, values)
        return self._scored[name]

    def values(self, name: str, metric: str = MAIN_METRIC) -> Values:
        """Return (n_cases,) values of one method.

        Raises:
            DataError: no such method was added.
        """
        if name not in self._scored:
            raise DataError(f"{name!r} was not measured; measured were {', '.join(self._scored)}")
        return self._scored[name].values[metric]

    def ratio(self, name: str, baseline: str, metric: str = MAIN_METRIC) -> Interval:
        """Return the paired ratio of two methods' means."""
        return self._resamples.ratio(self.values(name, metric), self.values(baseline, metric))

    def overall(self) -> Figures:
        """Return for each method every metric over all posts, and the mean of the sources' means."""
        sources = [case.source for case in self._cases]
        return {
            name: {metric: as_figure(self._resamples.interval(values)) for metric, values in scored.values.items()}
            | {f"{MAIN_METRIC}, sources alike": as_figure(self._resamples.macro(scored.values[MAIN_METRIC], sources))}
            for name, scored in self._scored.items()
        }

    def ratios(self, baseline: str) -> Figures:
        """Return every other method's paired ratio to ``baseline``."""
        return {name: {"ratio": as_figure(self.ratio(name, baseline))} for name in self._scored if name != baseline}

    def by(self, group_of: Callable[[Case], str | None], names: Sequence[str]) -> Figures:
        """Return nDCG@10 of some methods within groups of posts, largest group first.

        Args:
            group_of: a case's group, or None to leave it out.
            names: methods, the first of which is the one judged.
        """
        groups = np.array([group_of(case) or "" for case in self._cases])
        found = {name: int((groups == name).sum()) for name in np.unique(groups).tolist() if name}
        table: Figures = {}
        for group in sorted(found, key=lambda name: (-found[name], name)):
            member = (groups == group).astype(np.float64)
            row: Figures = {"posts": found[group]}
            for number, name in enumerate(names):
                # A group's mean is a ratio of sums, resampled with everything else, so its own size varies too.
                interval = self._resamples.share(self.values(name) * member, member)
                row[MAIN_METRIC if number == 0 else name] = as_figure(interval)
            table[group] = row
        return table

    def recall_by_target(self, group_of: Callable[[Case, str], str], names: Sequence[str]) -> Figures:
        """Return the share of hidden hashtags found among the first ten, within groups of hashtags.

        Args:
            group_of: a hidden hashtag's group.
            names: methods, the first of which is the one judged.
        """
        pairs = zip(self._cases, self._hidden, strict=True)
        groups = [{tag: group_of(case, tag) for tag in hidden} for case, hidden in pairs]
        table: Figures = {}
        for group in sorted({name for tags in groups for name in tags.values()}):
            members = [{tag for tag, name in tags.items() if name == group} for tags in groups]
            sizes = np.array([len(tags) for tags in members], dtype=np.float64)
            row: Figures = {"hidden hashtags": int(sizes.sum())}
            for number, name in enumerate(names):
                lists = self._scored[name].lists
                found = [len(tags.intersection(ranked)) for tags, ranked in zip(members, lists, strict=True)]
                interval = self._resamples.share(np.array(found, dtype=np.float64), sizes)
                row["recall" if number == 0 else name] = as_figure(interval)
            table[group] = row
        return table


def band_of(posts: int) -> str:
    """Return the frequency band of a hashtag that ``posts`` training posts carry."""
    return next(name for least, name in BANDS if posts >= least)


def stands_in_caption(case: Case, tag: str) -> str:
    """Return whether ``tag`` is a word, or up to four words in a row, of the query's caption."""
    spelt = any(joined == tag for joined, _, _ in phrases(case.query.words, MAX_PHRASE_WORDS))
    return "in the caption" if spelt else "not in the caption"
