"""Each way that a request can fail, over HTTP, as the contract's table has it."""

from __future__ import annotations

import asyncio
import base64
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from core.errors import BundleMissing
from core.query import Query
from service.app import create_app
from service.context import parts_of
from service.engine.loading import Loaded
from service.problems import KINDS
from service.schemas.requests import MAX_IMAGE_BYTES, MAX_JSON_BYTES
from service.settings import Settings
from tests.support.fakes import BROKEN_PHOTO, HUGE_PHOTO, PHOTO, FakeRecommender
from tests.support.serving import fake_loaded
from tests.unit.service.conftest import Ask, asking

URL = "/v1/suggestions"
Call = Callable[[httpx.AsyncClient], Awaitable[httpx.Response]]


def _json(body: Any, **headers: str) -> Call:
    return lambda client: client.post(URL, json=body, headers=headers)


def _raw(content: Any, content_type: str, **headers: str) -> Call:
    return lambda client: client.post(URL, content=content, headers={"content-type": content_type, **headers})


def _photo(data: bytes) -> Call:
    return lambda client: client.post(URL, files={"image": ("a.jpg", data, "image/jpeg")})


async def _endless() -> AsyncIterator[bytes]:
    while True:
        yield b" " * 65536


FAILING: list[tuple[str, int, Call]] = [
    ("malformed_body", 400, _raw(b"{", "application/json")),
    ("malformed_body", 400, _raw(b"", "application/json")),
    ("malformed_body", 400, _raw(b"--b\r\n", "multipart/form-data; boundary=b")),
    ("not_found", 404, lambda client: client.get("/v1/nothing")),
    ("not_found", 404, lambda client: client.post("/v1/suggestions/")),
    ("method_not_allowed", 405, lambda client: client.get(URL)),
    ("method_not_allowed", 405, lambda client: client.delete("/v1/topics")),
    ("body_too_large", 413, _raw(_endless(), "application/json")),
    ("body_too_large", 413, _raw(b" ", "application/json", **{"content-length": str(MAX_JSON_BYTES + 1)})),
    ("image_too_large", 413, _photo(bytes(MAX_IMAGE_BYTES + 1))),
    ("image_too_large", 413, _photo(HUGE_PHOTO)),
    ("unsupported_content_type", 415, _raw(b"{}", "text/plain")),
    ("unsupported_content_type", 415, _raw(b"{}", "")),
    ("unsupported_content_type", 415, _raw(b"{}", "application/json", **{"content-encoding": "gzip"})),
    ("invalid_request", 422, _json({"colour": "red"})),
    ("invalid_request", 422, _json({"seeds": ["dog"], "topic": "pets", "routing": "global"})),
    ("invalid_request", 422, _json({"seeds": ["dog"], "pin": ["a"], "exclude": ["A"]})),
    ("nothing_to_go_on", 422, _json({})),
    ("nothing_to_go_on", 422, _json({"seeds": ["123"], "caption": "..."})),
    ("unsupported_image", 422, _photo(b"%PDF-1.7")),
    ("unsupported_image", 422, _json({"image": {"base64": ""}})),
    ("undecodable_image", 422, _photo(BROKEN_PHOTO)),
    ("image_url_refused", 422, _json({"image": {"url": "http://169.254.169.254/latest"}})),
]
SHOWN_BELOW = {"overloaded", "internal_error", "timed_out", "not_ready"}
SHOWN_ELSEWHERE = {
    "missing_key": "routes/test_doors.py",
    "bad_key": "routes/test_doors.py",
    "forbidden": "routes/test_doors.py",
    "rate_limited": "routes/test_doors.py",
    "conflict": "routes/test_feedback.py",
    "precondition_failed": "routes/test_sets.py",
    "precondition_required": "routes/test_sets.py",
    "store_unavailable": "routes/test_feedback.py",
    "image_url_unreachable": "intake/test_fetching.py",
    "headers_too_slow": "protocol/test_connections.py",
    "headers_too_large": "protocol/test_connections.py",
}


def _assert_problem(response: httpx.Response, code: str, status: int) -> dict[str, Any]:
    body: dict[str, Any] = response.json()
    assert (response.status_code, body["code"], body["status"]) == (status, code, status)
    assert response.headers["content-type"] == "application/problem+json"
    assert body["type"] == f"/problems/{code}"
    assert body["title"] == KINDS[code].title
    assert body["detail"]
    assert body["instance"].startswith("/")
    assert body["request_id"] == response.headers["x-request-id"]
    assert "server-timing" in response.headers
    return body


@pytest.mark.parametrize(("code", "status", "call"), FAILING)
async def test_a_failing_request_gets_its_problem(
    client: httpx.AsyncClient, code: str, status: int, call: Call
) -> None:
    """Code, status and form are those of the table; the service goes on answering."""
    _assert_problem(await call(client), code, status)
    assert (await client.post(URL, json={"seeds": ["dog"]})).status_code == 200


def test_every_code_is_shown_by_a_test() -> None:
    """A new row of the table needs a request that meets it."""
    assert {code for code, _, _ in FAILING} | SHOWN_BELOW | set(SHOWN_ELSEWHERE) == set(KINDS)
    for code, name in SHOWN_ELSEWHERE.items():
        assert f'"{code}"' in (Path(__file__).parents[1] / name).read_text(encoding="utf-8"), code


@pytest.mark.parametrize("path", ["/nope", "/%ff%00", "/" + "a" * 3000, "//", "/v1/suggestions?x=1"])
@pytest.mark.parametrize("host", [b"[bad", b"a b", "é".encode("latin-1")])
async def test_odd_paths_and_hosts_are_problems_too(client: httpx.AsyncClient, path: str, host: bytes) -> None:
    """What a scanner sends is answered in form; the path comes back cut."""
    body = (await client.get(path, headers={b"host": host})).json()
    assert body["code"] in ("not_found", "method_not_allowed")
    assert len(body["instance"]) <= 200
    assert (await client.get("/docs", headers={b"host": host})).status_code == 200


async def test_405_says_what_is_allowed(client: httpx.AsyncClient) -> None:
    """RFC 9110 asks for Allow, with every method of the path."""
    assert (await client.get(URL)).headers["allow"] == "POST"
    assert (await client.post("/v1/sets/summer")).headers["allow"] == "DELETE, GET, HEAD, PUT"


@pytest.mark.parametrize("path", [URL, f"{URL}/batch", "/v1/check", "/v1/feedback"])
async def test_what_belongs_into_the_body_is_not_passed_over_in_the_query_string(
    client: httpx.AsyncClient, path: str
) -> None:
    """A caller who wrote limit there would wonder about twenty hashtags."""
    body = (await client.post(path, params={"limit": 5}, json={"seeds": ["dog"]})).json()
    assert (body["code"], [error["field"] for error in body["errors"]]) == ("invalid_request", ["limit"])


async def test_the_bad_field_is_named(client: httpx.AsyncClient) -> None:
    """The path, what is expected, and what was sent where it is short."""
    body = (await client.post(URL, json={"seeds": ["a"], "limit": 500})).json()
    assert [(error["field"], error["value"]) for error in body["errors"]] == [("limit", 500)]


async def test_a_bug_is_an_internal_error_without_its_text(serve: Ask, caplog: pytest.LogCaptureFixture) -> None:
    """Neither the caller nor the log learns what the exception quoted; the id is in both."""

    def fail(query: Query) -> None:
        raise ValueError("secret caption")

    client = await serve(fake_loaded(recommender=FakeRecommender(before=_but_not_warm_up(fail))))
    response = await client.post(URL, json={"seeds": ["dog"]}, headers={"x-request-id": "abc"})
    body = _assert_problem(response, "internal_error", 500)
    assert "secret" not in response.text
    assert body["request_id"] == "abc"
    faults = [record for record in caplog.records if record.message == "fault"]
    assert [record.__dict__["fields"]["request_id"] for record in faults] == ["abc"]


async def test_one_too_many_is_overloaded_and_told_when_to_retry(serve: Ask) -> None:
    """With the queue full a request is answered at once, and the one inside is not harmed."""
    inside, go_on = threading.Event(), threading.Event()

    def hold(query: Query) -> None:
        inside.set()
        assert go_on.wait(10)

    client = await serve(fake_loaded(recommender=FakeRecommender(before=_but_not_warm_up(hold))), queue=1)
    first = asyncio.create_task(client.post(URL, json={"seeds": ["dog"]}))
    await asyncio.to_thread(inside.wait, 10)
    refused = await client.post(URL, json={"seeds": ["cat"]})
    _assert_problem(refused, "overloaded", 429)
    assert int(refused.headers["retry-after"]) >= 1
    go_on.set()
    assert (await first).status_code == 200


async def test_too_many_bytes_at_once_are_overloaded(serve: Ask) -> None:
    """Bodies draw from one pot; when it is empty the next is turned away and may come again."""
    client = await serve(bodies_mb=32)
    started, go_on = asyncio.Semaphore(0), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b'{"seeds": ["dog"]' + b" " * 15_000_000
        started.release()
        await go_on.wait()
        yield b"}"

    headers = {"content-type": "application/json"}
    slow_ones = [asyncio.create_task(client.post(URL, content=slow(), headers=headers)) for _ in range(2)]
    for _ in slow_ones:
        await started.acquire()
    refused = await client.post(URL, json={"image": {"base64": base64.b64encode(bytes(3_000_000)).decode()}})
    _assert_problem(refused, "overloaded", 429)
    go_on.set()
    assert [response.status_code for response in await asyncio.gather(*slow_ones)] == [200, 200]
    assert (await client.post(URL, json={"seeds": ["dog"], "caption": "x" * 5000})).status_code == 200


async def test_a_request_past_its_deadline_timed_out(serve: Ask) -> None:
    """The caller hears of it while the model still works, and the next request is answered."""
    go_on = threading.Event()

    def hold(query: Query) -> None:
        if query.seeds == ("slow",):
            assert go_on.wait(10)

    client = await serve(fake_loaded(recommender=FakeRecommender(before=hold)), deadline_s=0.05)
    _assert_problem(await client.post(URL, json={"seeds": ["slow"]}), "timed_out", 503)
    go_on.set()
    while (await client.post(URL, json={"seeds": ["dog"]})).status_code != 200:
        await asyncio.sleep(0.01)


async def test_a_body_that_never_ends_timed_out(serve: Ask) -> None:
    """A slow sender does not hold a place for ever."""
    client = await serve(deadline_s=0.05)

    async def never() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    _assert_problem(await _raw(never(), "application/json")(client), "timed_out", 503)


async def test_before_the_bundle_is_loaded_nothing_is_ready() -> None:
    """/ping answers from the first moment; what needs the bundle says that there is none yet."""
    go_on = threading.Event()

    def slowly(settings: Settings) -> Loaded:
        assert go_on.wait(10)
        return fake_loaded()

    async with asking(create_app(Settings(), load=slowly)) as client:
        assert (await client.get("/ping")).status_code == 200
        for path in ("/ready", "/v1/topics", "/v1/bundle", "/v1/platforms"):
            _assert_problem(await client.get(path), "not_ready", 503)
        _assert_problem(await client.post(URL, json={"seeds": ["dog"]}), "not_ready", 503)
        go_on.set()


async def test_a_bundle_that_cannot_be_loaded_is_not_told_about_in_detail() -> None:
    """The path stays in the log."""

    def fail(settings: Settings) -> Loaded:
        raise BundleMissing("there is no bundle in /srv/secret")

    app = create_app(Settings(), load=fail)
    async with asking(app) as client:
        while parts_of(app).lifecycle.failure is None:
            await asyncio.sleep(0.005)
        response = await client.get("/ready")
        _assert_problem(response, "not_ready", 503)
        assert "/srv" not in response.text


async def test_while_draining_nothing_new_is_taken(serve: Ask) -> None:
    """A load balancer sees it at /ready, and callers are told to go elsewhere."""
    client = await serve()
    app = client._transport.app  # type: ignore[attr-defined]
    parts_of(app).lifecycle.drain()
    _assert_problem(await client.get("/ready"), "not_ready", 503)
    _assert_problem(await client.post(URL, files={"image": ("a", PHOTO)}), "not_ready", 503)


def _but_not_warm_up(hold: Callable[[Query], None]) -> Callable[[Query], None]:
    return lambda query: hold(query) if query.seeds != ("nature",) else None
