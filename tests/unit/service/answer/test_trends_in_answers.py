"""Trends go out as the recommender told them, with the snapshot they are from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from core.query import Query
from core.suggestions import Answer, HashtagTrend, TrendSource
from tests.support.fakes import FakeRecommender
from tests.support.serving import fake_loaded
from tests.unit.service.conftest import Ask


class TrendTeller(FakeRecommender):
    """A recommender that knows of one hashtag that it rises."""

    def recommend(self, queries: Sequence[Query]) -> list[Answer]:
        """Return the fake's answers, the first suggestion with a trend."""
        source = TrendSource("trends-2026-11-20-abcdef01", date(2026, 11, 20), "made up", {"toy": 9})
        told = []
        for answer in super().recommend(queries):
            first = replace(answer.suggestions[0], trend=HashtagTrend("up", 1.4))
            told.append(replace(answer, suggestions=(first, *answer.suggestions[1:]), trends=source))
        return told


async def test_a_trend_is_told_with_its_snapshot(serve: Ask) -> None:
    """Null for hashtags of which nothing is known."""
    client = await serve(replace(fake_loaded(), recommender=TrendTeller()))
    body = (await client.post("/v1/suggestions", json={"caption": "my dog"})).json()
    assert body["suggestions"][0]["trend"] == {"direction": "up", "ratio": 1.4}
    assert body["suggestions"][1]["trend"] is None
    assert body["trends"] == {"snapshot": "trends-2026-11-20-abcdef01", "as_of": "2026-11-20"}


async def test_without_counts_there_is_no_trend(serve: Ask) -> None:
    """Neither a trend nor a snapshot is made up."""
    client = await serve(replace(fake_loaded(), recommender=FakeRecommender()))
    body = (await client.post("/v1/suggestions", json={"caption": "my dog"})).json()
    assert body["trends"] is None
    assert {one["trend"] for one in body["suggestions"]} == {None}
