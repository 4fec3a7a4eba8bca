"""Completion, one hashtag in full, and what trends."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import httpx
import numpy as np
import pytest

from core.trend_snapshot import DatedCounts, TrendSnapshot
from recommend.catalogue.lookups import Catalogue
from recommend.catalogue.trends import TrendShelf
from service.schemas.lookups import HashtagCard, HashtagList, Trending
from tests.support.fakes import VOCABULARY
from tests.support.serving import fake_catalogue, fake_loaded
from tests.unit.service.conftest import Ask

NOW = datetime(2026, 11, 22, tzinfo=UTC)


async def _list(client: httpx.AsyncClient, **query: str | int) -> HashtagList:
    response = await client.get("/v1/hashtags", params=query)
    assert response.status_code == 200, response.text
    return HashtagList.model_validate_json(response.content)


async def test_completion_lists_what_starts_so_most_used_first(client: httpx.AsyncClient) -> None:
    """Capitals, the sign and full-width forms play no part."""
    for prefix in ("p", "#P", "＃ｐ"):
        found = await _list(client, prefix=prefix)
        assert {one.hashtag for one in found.hashtags} == {"pizza", "puppy"}
        posts = [one.popularity.posts for one in found.hashtags]
        assert posts == sorted(posts, reverse=True)
        assert found.next_cursor is None


async def test_pages_follow_each_other_without_gap_or_repetition(client: httpx.AsyncClient) -> None:
    """Whatever their size, they are the whole list."""
    whole = [one.hashtag for one in (await _list(client, limit=100)).hashtags]
    assert set(whole) == set(VOCABULARY)
    for limit in (1, 5, 11, 12):
        found: list[str] = []
        page = await _list(client, limit=limit)
        while page.next_cursor:
            assert len(page.hashtags) == limit
            found += [one.hashtag for one in page.hashtags]
            page = await _list(client, limit=limit, cursor=page.next_cursor)
        assert found + [one.hashtag for one in page.hashtags] == whole


async def test_a_cursor_of_another_list_is_refused(client: httpx.AsyncClient) -> None:
    """A place among all hashtags says nothing about those with a prefix."""
    cursor = (await _list(client, limit=1)).next_cursor
    assert cursor is not None
    for bad in (cursor, "1", "x" * 40, "1-00000000"):
        response = await client.get("/v1/hashtags", params={"prefix": "d", "cursor": bad})
        assert (response.status_code, response.json()["code"]) == (422, "invalid_request")
        assert response.json()["errors"][0]["field"] == "cursor"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("prefix=" + "a" * 101, "prefix"),
        ("colour=red", "colour"),
        ("limit=1&limit=2", "limit"),
    ],
)
async def test_what_is_wrong_with_a_query_string_is_told_by_name(
    client: httpx.AsyncClient, query: str, field: str
) -> None:
    """As for bodies: unknown, double and out of range."""
    response = await client.get(f"/v1/hashtags?{query}")
    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")
    assert response.json()["errors"][0]["field"] == field


async def test_what_is_on_the_block_list_is_in_no_list(serve: Ask) -> None:
    """Neither completed, nor described, nor related."""
    loaded = replace(fake_loaded(), blocked=lambda tag: "hate" if tag in ("dog", "love") else None)
    client = await serve(loaded)
    assert {one.hashtag for one in (await _list(client, limit=5)).hashtags}.isdisjoint({"dog", "love"})
    assert (await client.get("/v1/hashtags/dog")).status_code == 404
    related = HashtagCard.model_validate_json((await client.get("/v1/hashtags/cat")).content).related
    assert "dog" not in {one.hashtag for one in (*related.by_use, *related.by_meaning)}


async def test_a_hashtag_is_described_in_full(client: httpx.AsyncClient) -> None:
    """However it is written; the flag comes with its source and day."""
    plain = HashtagCard.model_validate_json((await client.get("/v1/hashtags/art")).content)
    assert plain == HashtagCard.model_validate_json((await client.get("/v1/hashtags/%23ART")).content)
    assert plain.popularity.posts >= 3
    assert {one.hashtag for one in plain.related.by_use} == {"hike", "travel"}
    assert 0 < len(plain.related.by_meaning) <= 12
    assert sum(one.share for one in plain.topics) <= 1 + 1e-6
    assert plain.flagged is not None
    assert plain.flagged.as_of == "2026-11-01"


@pytest.mark.parametrize(("path", "status"), [("unheardof", 404), ("123", 422), ("%20", 422), ("a%20b", 422)])
async def test_what_is_unknown_or_no_hashtag_is_told_apart(client: httpx.AsyncClient, path: str, status: int) -> None:
    """404 for one that the bundle lacks, 422 for none at all."""
    response = await client.get(f"/v1/hashtags/{path}")
    assert response.status_code == status
    assert response.json()["code"] == {404: "not_found", 422: "invalid_request"}[status]


async def test_without_counts_nothing_trends(client: httpx.AsyncClient) -> None:
    """And the answer says that there are none."""
    body = Trending.model_validate_json((await client.get("/v1/trending")).content)
    assert (body.snapshot, body.rising, body.top, body.days) == (None, [], [], 7)


def _with_trends(folder: Path, as_of: date) -> Catalogue:
    """Return a catalogue whose counts end on ``as_of``: cat has tripled, dog fallen."""
    days = np.arange(35)
    cat = np.where(days >= 28, 30, 10)
    dog = np.where(days >= 28, 10, 30)
    counts = DatedCounts(
        topic=None,
        posts_by_day=np.full(35, 60),
        hashtag=np.repeat([0, 1], 35),
        day=np.tile(days, 2),
        posts=np.concatenate([cat, dog]),
    )
    snapshot = TrendSnapshot(as_of, 35, "made-up posts", {"test": 2100}, ("cat", "dog"), counts)
    (folder / "trends.json").write_text(snapshot.to_json(), encoding="utf-8")
    catalogue = fake_catalogue()
    catalogue.trends = TrendShelf([folder / "trends.json"], now=lambda: NOW)
    return catalogue


async def test_what_rises_is_told_with_its_counts(serve: Ask, tmp_path: Path) -> None:
    """By topic and span; an unknown topic or a span out of range is refused."""
    client = await serve(replace(fake_loaded(), catalogue=_with_trends(tmp_path, date(2026, 11, 20))))
    body = Trending.model_validate_json((await client.get("/v1/trending")).content)
    assert [one.hashtag for one in body.rising] == ["cat"]
    assert [one.hashtag for one in body.top] == ["cat", "dog"]
    assert body.snapshot is not None
    assert (body.snapshot.as_of, body.snapshot.fresh, body.snapshot.sources) == ("2026-11-20", True, {"test": 2100})
    assert Trending.model_validate_json((await client.get("/v1/trending?topic=food")).content).top == []
    for query, field in (("topic=war", "topic"), ("days=31", "days"), ("days=0", "days")):
        response = await client.get(f"/v1/trending?{query}")
        assert (response.status_code, response.json()["errors"][0]["field"]) == (422, field)
    card = HashtagCard.model_validate_json((await client.get("/v1/hashtags/cat")).content)
    assert card.trend is not None
    assert card.trend.direction == "up"
    assert card.trends is not None


async def test_old_counts_are_named_and_tell_nothing(serve: Ask, tmp_path: Path) -> None:
    """A reader sees that there are some, and why the lists are empty."""
    client = await serve(replace(fake_loaded(), catalogue=_with_trends(tmp_path, date(2026, 10, 1))))
    body = Trending.model_validate_json((await client.get("/v1/trending")).content)
    assert (body.rising, body.top) == ([], [])
    assert body.snapshot is not None
    assert body.snapshot.fresh is False
