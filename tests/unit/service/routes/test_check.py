"""A set of hashtags that somebody already has, judged."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import httpx
import pytest

from service.context import parts_of
from service.engine.loading import Loaded
from service.schemas.check import CheckAnswer
from service.schemas.requests import CHECK_EXAMPLE
from service.store.database import open_store
from tests.support.fakes import BROKEN_PHOTO, PHOTO
from tests.support.serving import BLOCKED, fake_loaded
from tests.support.tiny_world import TinyWorld
from tests.unit.service.conftest import Ask

URL = "/v1/check"
IMAGE = {"base64": base64.b64encode(PHOTO).decode()}


async def _check(client: httpx.AsyncClient, *hashtags: str, **fields: Any) -> CheckAnswer:
    response = await client.post(URL, json={"hashtags": list(hashtags), **fields})
    assert response.status_code == 200, response.text
    return CheckAnswer.model_validate_json(response.content)


async def test_the_documented_example_is_answered(client: httpx.AsyncClient) -> None:
    """The first thing that a reader pastes works."""
    assert (await client.post(URL, json=CHECK_EXAMPLE)).status_code == 200


async def test_each_hashtag_is_told_in_its_place(client: httpx.AsyncClient) -> None:
    """Normal form, why it is none, what it doubles, what blocks and flags it."""
    found = (await _check(client, "#Dog", "dog", "123", BLOCKED, "art", "brandnew", caption="a walk")).hashtags
    assert [one.hashtag for one in found] == ["dog", "dog", None, BLOCKED, "art", "brandnew"]
    assert [one.duplicate_of for one in found] == [None, 0, None, None, None, None]
    assert [one.blocked for one in found] == [None, None, None, "hate", None, None]
    assert found[2].why_not == "'123' has no letter"
    assert found[4].flagged is not None
    assert found[4].flagged.source == "https://example.org"
    assert [one.popularity is not None for one in found] == [True, True, False, False, True, False]
    assert found[0].display == "Dog"


async def test_what_does_not_stay_is_swapped_for_what_fits(client: httpx.AsyncClient) -> None:
    """Each with its reason, and none put in that the set has or that breaks a rule."""
    body = await _check(
        client, "dog", "DOG", "123", "catsofinstagram", BLOCKED, "art", caption="a walk", platforms=["mastodon"]
    )
    assert [(swap.take_out, swap.reason) for swap in body.swaps] == [
        (1, "duplicate"),
        (2, "not_a_hashtag"),
        (3, "platform_rule"),
        (4, "blocked"),
        (5, "flagged"),
    ]
    put_in = [swap.put_in for swap in body.swaps]
    assert len(set(put_in)) == len(put_in)
    assert set(put_in).isdisjoint({"dog", "art", "catsofinstagram", BLOCKED})


@pytest.mark.parametrize("swaps", [0, 2])
async def test_no_more_is_swapped_than_was_asked(client: httpx.AsyncClient, swaps: int) -> None:
    """The worst come first in the order of the set."""
    body = await _check(client, "1", "2", "3", "dog", caption="a walk", swaps=swaps)
    assert len(body.swaps) == swaps


async def test_platform_rules_read_what_was_given(client: httpx.AsyncClient) -> None:
    """How many, what may stand in one, and whose it is."""
    given = ["dog", "cat", "puppy", "love", "art", "food", "catsofinstagram"]
    body = await _check(client, *given, caption="a walk", platforms=["instagram", "mastodon"])
    rules = {name: {one.hashtag: one.rule for one in made.left_out} for name, made in body.platforms.items()}
    assert rules == {
        "instagram": {"food": "max_hashtags", "catsofinstagram": "max_hashtags"},
        "mastodon": {"catsofinstagram": "foreign_platform"},
    }
    assert body.platforms["instagram"].text == "#dog #cat #puppy #love #art"


async def test_fit_is_told_by_what_image_and_caption_bring(client: httpx.AsyncClient) -> None:
    """Null for what was not sent; unknown for what the bundle lacks."""
    with_both = (await _check(client, "dog", "brandnew", image=IMAGE, caption="a walk")).hashtags
    assert with_both[0].fit is not None
    assert with_both[0].fit.level == "good"
    assert with_both[0].fit.image is not None
    assert with_both[0].fit.caption is not None
    assert with_both[1].fit is not None
    assert (with_both[1].fit.level, with_both[1].fit.score) == ("unknown", None)
    (image_alone,) = (await _check(client, "dog", image=IMAGE)).hashtags
    assert image_alone.fit is not None
    assert image_alone.fit.caption is None
    (alone,) = (await _check(client, "dog")).hashtags
    assert alone.fit is None


async def test_a_set_without_anything_to_go_on_is_still_judged(client: httpx.AsyncClient) -> None:
    """Nothing is asked, nothing is swapped in, and nothing fails."""
    body = await _check(client, "123", "", platforms=["x"])
    assert (body.confidence, body.swaps) == (None, [])
    assert body.platforms["x"].hashtags == []


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({}, 422, "invalid_request"),
        ({"hashtags": []}, 422, "invalid_request"),
        ({"hashtags": ["dog"] * 101}, 422, "invalid_request"),
        ({"hashtags": ["dog"], "platforms": ["myspace"]}, 422, "invalid_request"),
        ({"hashtags": ["1"], "platforms": ["myspace"]}, 422, "invalid_request"),
        ({"hashtags": ["dog"], "topic": "war"}, 422, "invalid_request"),
        ({"hashtags": ["dog"], "seeds": ["cat"]}, 422, "invalid_request"),
        ({"hashtags": ["dog"], "image": {"url": "http://localhost/a.jpg"}}, 422, "image_url_refused"),
        ({"hashtags": ["dog"], "image": {"base64": base64.b64encode(BROKEN_PHOTO).decode()}}, 422, "undecodable_image"),
    ],
)
async def test_what_cannot_be_checked_is_a_problem(
    client: httpx.AsyncClient, fields: dict[str, Any], status: int, code: str
) -> None:
    """The same codes as for suggestions."""
    response = await client.post(URL, json=fields)
    assert (response.status_code, response.json()["code"]) == (status, code)


def _really_loaded(tiny_world: TinyWorld) -> Loaded:
    """Return what is served with a real recommender."""
    engine = tiny_world.engine
    return replace(
        fake_loaded(),
        recommender=engine.recommender,
        catalogue=engine.catalogue,
        classifier=engine.classifier,
        names=replace(fake_loaded().names, topics=engine.classifier.topics),
    )


async def test_a_hashtag_scores_as_it_would_when_suggested(serve: Ask, tiny_world: TinyWorld) -> None:
    """With a real recommender: the same score, parts and reasons, and the best ones fit well."""
    client = await serve(_really_loaded(tiny_world))
    post = {"caption": "pizza and pasta by the sea", "topic": "food"}
    suggested = (await client.post("/v1/suggestions", json={**post, "diversity": 0})).json()["suggestions"][:5]
    assert len(suggested) == 5
    body = await _check(client, *(one["hashtag"] for one in suggested), **post)
    for checked, before in zip(body.hashtags, suggested, strict=True):
        assert checked.fit is not None
        assert checked.fit.level == "good"
        assert checked.fit.score == pytest.approx(before["score"], abs=1e-5)
        assert checked.fit.caption == pytest.approx(before["parts"]["caption"], abs=1e-5)
        assert checked.fit.because == before["because"]


async def test_what_the_workspace_came_to_like_counts_in_a_check_too(serve: Ask, tiny_world: TinyWorld) -> None:
    """In fit and swaps as in suggestions, and exactly so; what is taken back is gone."""
    client = await serve(_really_loaded(tiny_world))
    post = {"caption": "pizza and pasta by the sea", "topic": "food", "limit": 40, "diversity": 0}
    before = (await client.post("/v1/suggestions", json=post)).json()
    best, last = before["suggestions"][0]["hashtag"], before["suggestions"][-1]["hashtag"]
    asked = {"hashtags": [last, "123"], "caption": post["caption"], "topic": "food"}
    first = (await client.post(URL, json=asked)).json()
    assert (first["hashtags"][0]["fit"]["level"], first["swaps"][0]["put_in"]) != ("good", last)
    feedback = {"suggestion_id": before["suggestion_id"], "accepted": [last], "rejected": [best]}
    given = (await client.post("/v1/feedback", json=feedback)).json()
    after = {one["hashtag"]: one for one in (await client.post("/v1/suggestions", json=post)).json()["suggestions"]}
    fit = (await client.post(URL, json=asked)).json()["hashtags"][0]["fit"]
    assert fit["score"] == pytest.approx(after[last]["score"], abs=1e-5)
    assert fit["score"] > first["hashtags"][0]["fit"]["score"] + 1.0
    assert "accepted or added here before" in fit["because"]
    swapped = (await client.post(URL, json={**asked, "hashtags": ["123"]})).json()["swaps"]
    assert swapped[0]["put_in"] == next(iter(after))
    await client.delete(f"/v1/feedback/{given['feedback_id']}")
    restored = (await client.post(URL, json=asked)).json()
    assert {**restored, "request_id": ""} == {**first, "request_id": ""}


async def test_a_hashtag_of_the_workspaces_own_fits_by_its_feedback(serve: Ask, tiny_world: TinyWorld) -> None:
    """The bundle does not know it; what the workspace added is judged as it is suggested, and unknown before."""
    client = await serve(_really_loaded(tiny_world))
    post = {"caption": "pizza and pasta by the sea", "topic": "food"}
    assert (await _check(client, "maxthecat", **post)).hashtags[0].fit.level == "unknown"  # type: ignore[union-attr]
    for _ in range(6):
        shown = (await client.post("/v1/suggestions", json=post)).json()
        added = {"suggestion_id": shown["suggestion_id"], "added": ["#MaxTheCat"]}
        assert (await client.post("/v1/feedback", json=added)).status_code == 201
    fit = (await _check(client, "maxthecat", **post)).hashtags[0].fit
    assert fit is not None
    assert fit.level in ("good", "fair")
    assert fit.because == ["accepted or added here before"]


async def test_a_check_says_when_feedback_may_be_out_of_date(client: httpx.AsyncClient) -> None:
    """The database is away: the set is judged all the same."""
    repositories = parts_of(client._transport.app).repositories  # type: ignore[attr-defined]
    await repositories.store.close()
    repositories.store.engine = open_store("postgresql://nobody@127.0.0.1:1/nothing").engine
    body = await _check(client, "dog", caption="a walk")
    assert "store_unavailable" in [warning.code for warning in body.warnings]
