"""Everything that is measured on the same questions: the published methods, and the recommender in each of its ways."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from core.ports import Recommender
from core.query import Options, Query
from pipelines.scoreboard import Ranker

BATCH_QUERIES = 256

SHIPPED = "tagsmith"
WAYS: Mapping[str, Options] = {
    SHIPPED: Options(),
    "tagsmith, no diversity": Options(diversity=0.0),
    "tagsmith, hard routing": Options(routing="hard"),
    "tagsmith, global table": Options(routing="global"),
    "tagsmith, scorer in_out": Options(scorer="in_out"),
    "tagsmith, scorer cosine": Options(scorer="cosine"),
}
"""The ways of asking the recommender; the first is what an answer is without options."""


class Asked:
    """The recommender, asked in one way."""

    def __init__(self, recommender: Recommender, options: Options) -> None:
        """Ask ``recommender`` with the routing, scorer and diversity of ``options``."""
        self._recommender = recommender
        self._options = options

    def rank(self, queries: Sequence[Query], k: int) -> list[list[str]]:
        """Return the first ``k`` hashtags of each answer, as it ships, without reasons."""
        way = self._options
        ranked: list[list[str]] = []
        for start in range(0, len(queries), BATCH_QUERIES):
            batch = [
                replace(
                    query,
                    options=replace(
                        query.options,
                        limit=k,
                        routing=way.routing,
                        scorer=way.scorer,
                        diversity=way.diversity,
                        explain=False,
                    ),
                )
                for query in queries[start : start + BATCH_QUERIES]
            ]
            answers = self._recommender.recommend(batch)
            ranked.extend([suggestion.hashtag for suggestion in answer.suggestions] for answer in answers)
        return ranked


def ways_of(recommender: Recommender) -> dict[str, Ranker]:
    """Return the recommender in each of its ways, by name."""
    return {name: Asked(recommender, options) for name, options in WAYS.items()}
