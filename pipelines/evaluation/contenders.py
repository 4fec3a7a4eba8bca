"""The recommender in each of the ways that are measured beside the published methods."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Protocol

from core.ports import Recommender
from core.query import Options, Query, Routing
from pipelines.evaluation.scoreboard import Ranker

LEARNT = "tagsmith"
HARD = "tagsmith, hard routing"
GLOBAL = "tagsmith, global table"
SHIPPED = "tagsmith, as answered by default"
BATCH_QUERIES = 64
N_THREADS = 2


class ScoringRecommender(Recommender, Protocol):
    """A recommender that also tells its order by score alone."""

    def rank(self, queries: Sequence[Query], k: int) -> list[list[str]]:
        """Return the k best hashtags of each query by score, without what diversity changes."""
        ...


class ByScore:
    """The recommender's order by score, by one routing."""

    def __init__(self, recommender: ScoringRecommender, routing: Routing) -> None:
        """Ask ``recommender`` with ``routing``."""
        self._recommender = recommender
        self._routing = routing

    def rank(self, queries: Sequence[Query], k: int) -> list[list[str]]:
        """Return for each query the k hashtags of highest score."""
        asked = [replace(query, options=replace(query.options, routing=self._routing)) for query in queries]
        return _in_threads(lambda batch: self._recommender.rank(batch, k), asked)


class AsAnswered:
    """The recommender's answers as a request without options gets them: diversity, abstaining and all."""

    def __init__(self, recommender: Recommender) -> None:
        """Ask ``recommender``."""
        self._recommender = recommender

    def rank(self, queries: Sequence[Query], k: int) -> list[list[str]]:
        """Return the first ``k`` hashtags of each answer."""
        asked = [replace(query, options=Options(explain=False)) for query in queries]

        def ask(batch: Sequence[Query]) -> list[list[str]]:
            answers = self._recommender.recommend(batch)
            return [[suggestion.hashtag for suggestion in answer.suggestions[:k]] for answer in answers]

        return _in_threads(ask, asked)


def ways_of(recommender: ScoringRecommender) -> dict[str, Ranker]:
    """Return the recommender in each of its ways, by name."""
    return {
        LEARNT: ByScore(recommender, "soft"),
        HARD: ByScore(recommender, "hard"),
        GLOBAL: ByScore(recommender, "global"),
        SHIPPED: AsAnswered(recommender),
    }


def _in_threads(ask: Callable[[Sequence[Query]], list[list[str]]], queries: Sequence[Query]) -> list[list[str]]:
    """Return all answers in order; a query's answer does not depend on its batch, so batches may run side by side."""
    batches = [queries[start : start + BATCH_QUERIES] for start in range(0, len(queries), BATCH_QUERIES)]
    with ThreadPoolExecutor(N_THREADS) as pool:
        return [ranked for lists in pool.map(ask, batches) for ranked in lists]
