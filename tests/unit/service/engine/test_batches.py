"""Many posts in one request: each answered as if it had come alone."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.requests import ClientDisconnect, Request

from core.errors import Overloaded
from core.query import Query
from service.engine.batches import Batches, unless_gone
from service.intake.batch import posts_of, read_item
from service.problems import Refusal
from service.schemas.answers import BatchAnswer, BatchEntry
from service.schemas.requests import MAX_BATCH_POSTS
from tests.support.fakes import BROKEN_PHOTO, PHOTO, FakeRecommender
from tests.support.serving import fake_loaded
from tests.unit.service.conftest import Ask

URL = "/v1/suggestions/batch"
ALONE = "/v1/suggestions"
STREAM = {"accept": "application/x-ndjson"}


def _photo(data: bytes) -> dict[str, str]:
    return {"base64": base64.b64encode(data).decode()}


GOOD: list[dict[str, Any]] = [
    {"seeds": ["dog"], "limit": 3},
    {"caption": "a walk #hike", "platforms": ["instagram"], "casing": "pascal"},
    {"image": _photo(PHOTO), "explain": False},
    {"image": {"evidence": {"topics": {"pets": 1.0}}}, "pin": ["puppy"]},
]
BAD: list[tuple[Any, str]] = [
    ({"limit": 0, "seeds": ["dog"]}, "invalid_request"),
    ({"unknown": 1}, "invalid_request"),
    ({}, "nothing_to_go_on"),
    ("dog", "invalid_request"),
    (None, "invalid_request"),
    ([], "invalid_request"),
    ({"image": _photo(BROKEN_PHOTO)}, "undecodable_image"),
    ({"image": {"base64": "?"}}, "invalid_request"),
    ({"image": {"url": "http://127.0.0.1/a.jpg"}}, "image_url_refused"),
    ({"seeds": ["dog"], "topic": "war"}, "invalid_request"),
]


def _without_ids(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if not name.endswith("_id")}


async def _entries(client: httpx.AsyncClient, posts: list[Any], **headers: str) -> list[BatchEntry]:
    response = await client.post(URL, json={"posts": posts}, headers=headers)
    assert response.status_code == 200, response.text
    if response.headers["content-type"].startswith("application/x-ndjson"):
        return [BatchEntry.model_validate_json(line) for line in response.text.splitlines()]
    return BatchAnswer.model_validate_json(response.content).results


@pytest.mark.parametrize("headers", [{}, STREAM])
async def test_each_post_is_answered_as_it_would_be_alone(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    """But for the ids, whole or line by line."""
    entries = {entry.index: entry for entry in await _entries(client, GOOD * 5, **headers)}
    assert sorted(entries) == list(range(len(GOOD) * 5))
    for place, entry in entries.items():
        alone = (await client.post(ALONE, json=GOOD[place % len(GOOD)])).json()
        assert entry.answer is not None
        assert _without_ids(entry.answer.model_dump(mode="json")) == _without_ids(alone)


async def test_whole_answers_stand_in_the_order_of_the_posts(client: httpx.AsyncClient) -> None:
    """Whichever was done first."""
    entries = await _entries(client, [{"seeds": ["dog"]}, {}, {"caption": "a walk"}])
    assert [entry.index for entry in entries] == [0, 1, 2]


@pytest.mark.parametrize("headers", [{}, STREAM])
@pytest.mark.parametrize(("post", "code"), BAD)
async def test_a_bad_post_is_one_problem_in_its_place(
    client: httpx.AsyncClient, post: Any, code: str, headers: dict[str, str]
) -> None:
    """The very problem that it would be alone; its neighbours are answered."""
    entries = {entry.index: entry for entry in await _entries(client, [GOOD[0], post, GOOD[1]], **headers)}
    assert entries[0].answer is not None
    assert entries[2].answer is not None
    problem = entries[1].problem
    assert entries[1].answer is None
    assert problem is not None
    assert problem.code == code
    if isinstance(post, dict):
        alone = (await client.post(ALONE, json=post)).json()
        told = problem.model_dump(mode="json", exclude_none=True)
        assert {**told, "instance": "", "request_id": ""} == {**alone, "instance": "", "request_id": ""}


async def test_a_batch_of_the_longest_captions_is_read(client: httpx.AsyncClient) -> None:
    """Also of commas and brackets alone, which are counted before they are known to be text."""
    posts = [{"caption": "[,{" * 1666, "seeds": ["dog"] * 30, "exclude": ["cat"] * 100}] * MAX_BATCH_POSTS
    assert {entry.problem for entry in await _entries(client, posts)} == {None}


async def test_a_name_given_twice_spoils_its_own_post_alone(client: httpx.AsyncClient) -> None:
    """Also deep inside."""
    doubled = '{"seeds": ["a"], "seeds": ["b"]}, {"seeds": ["c"], "mix": {"mid": 1, "mid": 2}}'
    doubled += ', {"image": {"evidence": {"classes": [{"name": "alp"}, {"name": "a", "name": "b"}]}}}'
    body = '{"posts": [{"seeds": ["dog"]}, ' + doubled + "]}"
    response = await client.post(URL, content=body, headers={"content-type": "application/json"})
    problems = [entry.problem for entry in BatchAnswer.model_validate_json(response.content).results]
    assert problems[0] is None
    fields = [one.errors[0].field for one in problems[1:] if one is not None and one.errors]
    assert fields == ["seeds", "mix.mid", "image.evidence.classes[1].name"]


@pytest.mark.parametrize("n_levels", [30, 600, 950, 985])
@pytest.mark.parametrize("level", [(b'{"a": ', b"}"), (b"[", b"]")])
@pytest.mark.parametrize("headers", [{}, {"idempotency-key": "deep"}])
async def test_a_body_of_many_levels_is_no_fault(
    client: httpx.AsyncClient, n_levels: int, level: tuple[bytes, bytes], headers: dict[str, str]
) -> None:
    """Fewer than stop the reading may still be too many for what comes behind it."""
    deep = level[0] * n_levels + b"1" + level[1] * n_levels
    for url, body in ((URL, b'{"posts": [%s]}' % deep), (ALONE, b'{"seeds": ["dog"], "image": %s}' % deep)):
        sent = {"content-type": "application/json", **headers}
        refused = await client.post(url, content=body, headers=sent)
        assert (refused.status_code, refused.json()["code"]) == (400, "malformed_body")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"[]", 422, "invalid_request"),
        (b"{}", 422, "invalid_request"),
        (b'{"posts": []}', 422, "invalid_request"),
        (b'{"posts": 1}', 422, "invalid_request"),
        (b'{"posts": [{}], "more": 1}', 422, "invalid_request"),
        (b'{"posts": [{}], "posts": [{}]}', 422, "invalid_request"),
        (json.dumps({"posts": [{}] * (MAX_BATCH_POSTS + 1)}).encode(), 422, "invalid_request"),
        (b'{"posts": [', 400, "malformed_body"),
        (b'{"posts": [NaN]}', 400, "malformed_body"),
        (b'{"posts": ' + b"[" * 60_000, 400, "malformed_body"),
        (b'{"posts": [' + b"{}," * 300_000 + b"{}]}", 413, "body_too_large"),
    ],
)
async def test_a_body_that_is_no_batch_is_refused_whole(
    client: httpx.AsyncClient, body: bytes, status: int, code: str
) -> None:
    """Before any post is looked at."""
    response = await client.post(URL, content=body, headers={"content-type": "application/json"})
    assert (response.status_code, response.json()["code"]) == (status, code)


async def test_an_announced_body_beyond_the_bound_is_refused_before_it_is_read(client: httpx.AsyncClient) -> None:
    """By its length."""
    headers = {"content-type": "application/json", "content-length": "64000001"}
    response = await client.post(URL, content=b"{}", headers=headers)
    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")


async def test_a_batch_that_is_still_coming_in_keeps_nobody_out(serve: Ask) -> None:
    """A place is taken once there is something to answer."""
    client = await serve(queue=8)  # one batch at a time
    done = asyncio.Event()

    async def dripping() -> AsyncIterator[bytes]:
        yield b'{"posts": [{"seeds": ["dog"]}'
        await done.wait()
        yield b"]}"

    slow = asyncio.create_task(client.post(URL, content=dripping(), headers={"content-type": "application/json"}))
    await asyncio.sleep(0.05)
    assert len(await _entries(client, [{"seeds": ["cat"]}])) == 1
    done.set()
    assert (await slow).status_code == 200


async def test_a_form_is_no_batch(client: httpx.AsyncClient) -> None:
    """JSON alone is read."""
    response = await client.post(URL, data={"posts": "[]"}, files={"image": ("a.jpg", PHOTO)})
    assert (response.status_code, response.json()["code"]) == (415, "unsupported_content_type")


async def test_a_batch_leaves_room_for_single_posts(serve: Ask) -> None:
    """While all posts of a batch are held up, a post that comes alone is answered."""
    release = threading.Event()

    def hold_up(query: Query) -> None:
        if "slow" in query.seeds:
            release.wait(30)

    client = await serve(fake_loaded(recommender=FakeRecommender(before=hold_up)), queue=8, batch_max=1)
    batch = asyncio.create_task(_entries(client, [{"seeds": ["slow"]}] * 1 + [{"seeds": ["cat"]}] * 19))
    await asyncio.sleep(0.05)
    alone = asyncio.create_task(client.post(ALONE, json={"seeds": ["dog"]}))
    await asyncio.sleep(0.05)
    release.set()
    assert (await alone).status_code == 200
    assert all(entry.answer is not None for entry in await batch)


async def test_posts_of_a_batch_wait_where_a_single_one_is_refused(serve: Ask) -> None:
    """A queue of one place answers a batch of ten, one after the other."""
    client = await serve(queue=1)
    assert all(entry.answer is not None for entry in await _entries(client, [{"seeds": ["dog"]}] * 10))


async def test_too_many_batches_at_once_are_overloaded() -> None:
    """With when to come again."""
    batches = Batches(8)
    with batches.entered():
        with pytest.raises(Overloaded) as refusal, batches.entered():
            pass
        assert refusal.value.retry_after_s
    with batches.entered():
        pass


async def test_what_a_batch_cannot_answer_in_time_is_timed_out_in_its_place(serve: Ask) -> None:
    """And what was answered stays."""
    release = threading.Event()

    def hold_up(query: Query) -> None:
        if "slow" in query.seeds:
            release.wait(30)

    client = await serve(fake_loaded(recommender=FakeRecommender(before=hold_up)), batch_deadline_s=0.5)
    try:
        entries = await _entries(client, [{"seeds": ["dog"]}, {"seeds": ["slow"]}])
    finally:
        release.set()
    assert entries[0].answer is not None
    assert entries[1].problem is not None
    assert entries[1].problem.code == "timed_out"


async def test_a_fault_in_one_post_is_told_without_its_text(serve: Ask) -> None:
    """And spoils no other."""

    def fail(query: Query) -> None:
        if "bug" in query.seeds:
            raise RuntimeError("secret of the house")

    client = await serve(fake_loaded(recommender=FakeRecommender(before=fail)))
    entries = await _entries(client, [{"seeds": ["bug"]}, {"seeds": ["dog"]}])
    assert entries[0].problem is not None
    assert entries[0].problem.code == "internal_error"
    assert "secret" not in entries[0].model_dump_json()
    assert entries[1].answer is not None


async def test_when_the_client_goes_the_rest_is_left() -> None:
    """What has not begun never begins, and what was under way is cancelled."""
    begun: list[int] = []
    asked = asyncio.Event()

    async def answer_one(place: int) -> bytes:
        begun.append(place)
        asked.set()
        await asyncio.sleep(60)
        return b""

    async def receive() -> dict[str, str]:
        await asked.wait()
        return {"type": "http.disconnect"}

    batches = Batches(8)
    with pytest.raises(ClientDisconnect):
        await unless_gone(Request({"type": "http"}, receive), batches.answers(100, answer_one))
    assert len(begun) <= 4
    assert batches._slots._value == 4


async def test_a_slow_reader_holds_up_what_has_not_begun() -> None:
    """So that answers do not pile up in memory."""
    begun: list[int] = []

    async def answer_one(place: int) -> bytes:
        begun.append(place)
        return b"%d" % place

    lines = Batches(1000).answers(1000, answer_one)
    assert (await anext(lines))[1] == b"0"
    await asyncio.sleep(0.05)
    assert len(begun) < 50
    await lines.aclose()


def test_posts_are_not_judged_while_the_batch_is_read() -> None:
    """Whatever they are."""
    assert posts_of(b'{"posts": [1, null, {"a": 1}]}') == [1, None, {"a": 1}]
    with pytest.raises(Refusal):
        read_item(1)
