"""What a request that can be answered gets."""

from __future__ import annotations

import asyncio
import base64
import json
from itertools import product
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.app import create_app
from service.schemas.answers import SuggestionAnswer
from service.settings import Settings
from tests.support.fakes import PHOTO, TOPICS, FakeClassifier, FakeRecommender
from tests.support.serving import BUNDLE_ID, fake_loaded, loader
from tests.unit.service.conftest import Ask, asking, until_ready

URL = "/v1/suggestions"
FILE = {"image": ("a.jpg", PHOTO, "image/jpeg")}


async def _ask(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    response = await client.post(URL, json=fields)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


def _without_ids(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if not name.endswith("_id")}


async def test_json_and_multipart_say_the_same(client: httpx.AsyncClient) -> None:
    """One photograph, sent both ways: the same answer but for the ids."""
    encoded = base64.b64encode(PHOTO).decode()
    fields = {"caption": "a walk #hike", "seeds": ["dog", "cat"], "limit": 4, "platforms": ["instagram", "x"]}
    as_json = await _ask(client, image={"base64": encoded}, **fields)
    form = {"caption": "a walk #hike", "seeds": "dog,cat", "platforms": ["instagram", "x"], "options": '{"limit": 4}'}
    as_form = (await client.post(URL, files=FILE, data=form)).json()
    assert _without_ids(as_json) == _without_ids(as_form)
    assert as_json["suggestion_id"] != as_form["suggestion_id"]


@pytest.mark.parametrize(("image", "caption", "seeds"), list(product([True, False], ["a walk", ""], ["dog", ""]))[:-1])
async def test_every_combination_of_inputs_is_answered(
    client: httpx.AsyncClient, image: bool, caption: str, seeds: str
) -> None:
    """All seven; the part of an absent input is exactly 0, and the answer has the documented form."""
    form = {"caption": caption, "seeds": seeds, "options": "{}"}
    response = await client.post(URL, data=form, files=FILE if image else {"image": ("", b"")})
    answer = SuggestionAnswer.model_validate_json(response.content)
    parts = answer.suggestions[0].parts
    assert (parts.image != 0, parts.caption != 0, parts.seeds != 0) == (image, bool(caption), bool(seeds))
    assert bool(answer.classes) == image
    for one in answer.suggestions:
        total = one.parts.image + one.parts.caption + one.parts.seeds + one.parts.popularity + one.parts.workspace
        assert total == pytest.approx(one.score, abs=1e-4)


async def test_the_answer_names_its_bundle_and_its_way(client: httpx.AsyncClient) -> None:
    """What was asked for and what answered can be read off the answer."""
    body = await _ask(client, seeds=["dog"], scorer="cosine", routing="global")
    assert (body["bundle"], body["model"]) == (BUNDLE_ID, {"scorer": "cosine", "routing": "global"})
    assert body["topics"] == []
    assert body["suggestion_id"].startswith("sg_")
    assert len(body["suggestion_id"]) == 29


async def test_the_callers_request_id_comes_back(client: httpx.AsyncClient) -> None:
    """In the header and in the body; one that is not visible ASCII of 1 to 128 characters is replaced."""
    response = await client.post(URL, json={"seeds": ["dog"]}, headers={"x-request-id": "trace/7~!"})
    assert (response.headers["x-request-id"], response.json()["request_id"]) == ("trace/7~!", "trace/7~!")
    for bad in (b"", b"a b", b"x" * 129, "é".encode("latin-1"), b"a\tb"):
        given_id = (await client.get("/ping", headers={b"x-request-id": bad})).headers["x-request-id"]
        assert len(given_id) == 32


async def test_server_timing_has_every_stage_in_order(client: httpx.AsyncClient) -> None:
    """Read, queue, decode, classify, rank; for a picture none of the last four is absent."""
    header = (await client.post(URL, files=FILE)).headers["server-timing"]
    assert [entry.split(";")[0] for entry in header.split(", ")] == ["read", "queue", "decode", "classify", "rank"]
    assert all(float(entry.split("dur=")[1]) >= 0 for entry in header.split(", "))


async def test_seeds_and_hashtags_of_the_caption_are_not_suggested_back(client: httpx.AsyncClient) -> None:
    """Neither the given ones nor those that stand in the text."""
    body = await _ask(client, seeds=["dog"], caption="up the #mountain")
    assert not {"dog", "mountain"} & {one["hashtag"] for one in body["suggestions"]}


async def test_a_dropped_seed_is_warned_of(client: httpx.AsyncClient) -> None:
    """Which one and why."""
    (warning,) = (await _ask(client, seeds=["dog", "123"], limit=2))["warnings"]
    assert warning == {"code": "seed_dropped", "detail": "'123' has no letter", "field": "seeds[1]"}


async def test_warnings_of_the_recommender_go_out(client: httpx.AsyncClient) -> None:
    """Fewer than asked for is told."""
    codes = [warning["code"] for warning in (await _ask(client, seeds=["dog"], limit=100))["warnings"]]
    assert codes == ["fewer_suggestions"]


async def test_pins_come_first_and_excluded_ones_never(client: httpx.AsyncClient) -> None:
    """In the order given, in normal form."""
    body = await _ask(client, seeds=["dog"], pin=["#Travel", "art"], exclude=["Cat", "pizza"], limit=5)
    tags = [one["hashtag"] for one in body["suggestions"]]
    assert tags[:2] == ["travel", "art"]
    assert not {"cat", "pizza"} & set(tags)


async def test_pascal_casing_shows_in_display_and_text(client: httpx.AsyncClient) -> None:
    """The hashtag itself stays in normal form."""
    lower = await _ask(client, seeds=["dog"], limit=1, platforms=["x"])
    pascal = await _ask(client, seeds=["dog"], limit=1, platforms=["x"], casing="pascal")
    assert (lower["suggestions"][0]["display"], lower["platforms"]["x"]["text"]) == ("cat", "#cat")
    assert (pascal["suggestions"][0]["display"], pascal["platforms"]["x"]["text"]) == ("Cat", "#Cat")
    assert pascal["suggestions"][0]["hashtag"] == pascal["platforms"]["x"]["hashtags"][0] == "cat"


async def test_reasons_are_given_unless_not_wanted(client: httpx.AsyncClient) -> None:
    """Because is filled by default and empty with explain=false."""
    told = (await client.post(URL, files=FILE)).json()["suggestions"][0]["because"]
    silent = (await client.post(URL, files=FILE, data={"options": '{"explain": false}'})).json()["suggestions"][0]
    assert (bool(told), silent["because"]) == (True, [])


async def test_a_platform_set_keeps_the_platforms_rules(client: httpx.AsyncClient) -> None:
    """Instagram takes five, the caption's own counted; the rest is listed with the rule."""
    body = await _ask(client, seeds=["dog"], caption="look #here", platforms=["instagram"])
    ready = body["platforms"]["instagram"]
    assert len(ready["hashtags"]) == 4
    assert ready["text"] == " ".join(f"#{tag}" for tag in ready["hashtags"])
    assert ready["characters"] == len(ready["text"])
    assert {one["rule"] for one in ready["left_out"]} == {"max_hashtags"}


async def test_a_tag_of_another_platform_is_left_out_with_the_rule(client: httpx.AsyncClient) -> None:
    """The tag catsofinstagram has no place on Mastodon."""
    ready = (await _ask(client, seeds=["dog"], platforms=["mastodon"]))["platforms"]["mastodon"]
    assert {"hashtag": "catsofinstagram", "rule": "foreign_platform"} in ready["left_out"]


async def test_a_set_smaller_than_the_platform_takes_is_warned_of(client: httpx.AsyncClient) -> None:
    """Three suggestions cannot fill five places, and the caller learns why."""
    body = await _ask(client, seeds=["dog"], limit=3, platforms=["instagram"])
    (warning,) = body["warnings"]
    assert (warning["code"], warning["field"]) == ("platform_set_short", "platforms.instagram")
    assert "3 were suggested" in warning["detail"]


async def test_flagged_hashtags_are_told_with_their_source(client: httpx.AsyncClient) -> None:
    """Only those that are suggested."""
    flagged = (await _ask(client, seeds=["dog"]))["safety"]["flagged"]
    assert flagged == [
        {"hashtag": "art", "status": "restricted", "source": "https://example.org", "as_of": "2026-11-01"}
    ]
    assert (await _ask(client, seeds=["dog"], exclude=["art"]))["safety"]["flagged"] == []


async def test_abstaining_shows(client: httpx.AsyncClient) -> None:
    """Level and abstain are the recommender's, and a warning says that the list is the general one."""
    body = await _ask(client, caption="qwrtz")
    assert body["confidence"] == {"level": "low", "abstain": True}
    assert "abstained" in [warning["code"] for warning in body["warnings"]]


async def test_evidence_takes_the_place_of_a_picture(serve: Ask) -> None:
    """What another classifier saw reaches the recommender, and no picture is decoded."""
    classifier, recommender = FakeClassifier(), FakeRecommender()
    client = await serve(fake_loaded(classifier, recommender))
    warmed_up = classifier.prepared
    evidence = {"topics": {"food": 0.9, "pets": 0.1}, "classes": [{"name": "pizza", "p": 0.8}]}
    body = await _ask(client, image={"evidence": evidence})
    image = recommender.queries[-1].image
    assert image is not None
    assert np.allclose(image.topics, [0.1, 0.0, 0.9])
    assert classifier.prepared == warmed_up
    assert body["topics"][0]["topic"] == "food"
    assert body["classes"][0]["name"] == "pizza"


async def test_alone_or_among_others_the_answer_is_the_same(client: httpx.AsyncClient) -> None:
    """Twenty at once are batched, and none gets another's picture or seeds."""
    photos = [PHOTO[:-2] + str(i).encode() + b"\xff\xd9" for i in range(20)]

    async def ask(i: int) -> dict[str, Any]:
        files = {"image": ("a.jpg", photos[i], "image/jpeg")}
        return _without_ids((await client.post(URL, files=files, data={"seeds": f"tag{i}"})).json())

    alone = [await ask(i) for i in range(20)]
    assert await asyncio.gather(*map(ask, range(20))) == alone
    assert len({json.dumps(body["topics"]) for body in alone}) == 20


async def test_what_is_loaded_can_be_asked(client: httpx.AsyncClient) -> None:
    """Topics, bundle, platforms and limits."""
    assert (await client.get("/v1/topics")).json() == {"bundle": BUNDLE_ID, "topics": list(TOPICS)}
    assert (await client.get("/v1/bundle")).json()["counts"] == {"posts": 12}
    platforms = {one["platform"]: one for one in (await client.get("/v1/platforms")).json()["platforms"]}
    (most,) = [rule for rule in platforms["instagram"]["rules"] if rule["rule"] == "max_hashtags"]
    assert most["value"] == 5
    assert most["source"]
    assert most["as_of"]
    limits = (await client.get("/v1/limits")).json()
    assert (limits["seeds"], limits["image_bytes"], limits["caption_characters"]) == (30, 15_000_000, 5000)


async def test_health_tells_alive_and_ready(client: httpx.AsyncClient) -> None:
    """Ready names the bundle."""
    assert (await client.get("/ping")).json() == {"status": "ok"}
    assert (await client.get("/ready")).json() == {"status": "ready", "bundle": BUNDLE_ID}


async def test_metrics_count_by_route_and_never_by_path(client: httpx.AsyncClient) -> None:
    """A caller cannot make new labels by asking for made-up paths, methods or ids."""
    await client.post(URL, files=FILE)
    for path in ("/secret/a", "/secret/b", "/v2/hashtags/cat"):
        await client.request("BREW", path)
    text = (await client.get("/metrics")).text
    assert 'tagsmith_requests_total{method="POST",route="/v1/suggestions",status="200"} 1.0' in text
    assert 'tagsmith_requests_total{method="other",route="unmatched",status="404"} 3.0' in text
    assert 'tagsmith_problems_total{code="not_found"} 3.0' in text
    assert 'tagsmith_stage_seconds_count{stage="classify"} 1.0' in text
    assert "tagsmith_batch_pictures_count 1.0" in text
    assert f'tagsmith_bundle{{bundle="{BUNDLE_ID}"}} 1.0' in text
    assert "secret" not in text


async def test_log_lines_hold_no_content(client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    """Neither caption, seeds nor the file's name."""
    with caplog.at_level("DEBUG", logger="tagsmith.service"):
        form = {"caption": "privatewords", "seeds": "privateseed"}
        await client.post(URL, files={"image": ("private.jpg", PHOTO)}, data=form)
        await client.post(URL, json={"caption": "privatewords", "limit": "privatelimit"})
        await client.get("/private/path")
    lines = [json.dumps({**record.__dict__["fields"], "event": record.message}) for record in caplog.records]
    requests = [line for line in lines if '"event": "request"' in line]
    assert len(requests) == 3
    assert not any("private" in line for line in lines)


@settings(max_examples=30)
@given(st.text(max_size=200), st.lists(st.text(max_size=12), max_size=5))
def test_any_text_is_answered_or_refused(caption: str, seeds: list[str]) -> None:
    """No caption or seed leads to a 500, and every 200 has the documented form."""

    async def run() -> httpx.Response:
        app = create_app(Settings(), load=loader(fake_loaded()))
        async with asking(app) as client:
            await until_ready(app)
            return await client.post(URL, json={"caption": caption, "seeds": seeds, "platforms": ["threads"]})

    response = asyncio.run(run())
    if response.status_code == 200:
        SuggestionAnswer.model_validate_json(response.content)
    else:
        assert response.json()["code"] == "nothing_to_go_on"
