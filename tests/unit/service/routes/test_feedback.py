"""Feedback over HTTP: what it does to the next answer, and what may be sent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from service.app import create_app
from service.context import parts_of
from service.observe.metrics import Metrics
from service.settings import Settings
from service.store.database import open_store
from service.store.ids import suggestion_id
from service.store.repositories import Repositories
from service.store.watch import SPOOL_FULL, StoreWatch
from tests.support.fakes import FakeRecommender
from tests.support.serving import fake_loaded, loader
from tests.unit.service.conftest import asking, until_ready

URL = "/v1/feedback"
LINES = {"accept": "application/x-ndjson"}


class Service:
    """A running service over fakes."""

    def __init__(self, app: FastAPI, client: httpx.AsyncClient, recommender: FakeRecommender) -> None:
        self.client = client
        self.recommender = recommender
        self.repositories: Repositories = parts_of(app).repositories

    async def suggest(self, **fields: Any) -> dict[str, Any]:
        """Return an answer."""
        response = await self.client.post("/v1/suggestions", json={"seeds": ["dog"], "limit": 3, **fields})
        assert response.status_code == 200, response.text
        body: dict[str, Any] = response.json()
        return body

    async def take_database_away(self) -> None:
        """Let the store find nobody at its database's address."""
        await self.repositories.store.close()
        self._kept = self.repositories.store.engine
        self.repositories.store.engine = open_store("postgresql://nobody@127.0.0.1:1/nothing").engine

    def bring_database_back(self) -> None:
        """Let it find the database again."""
        self.repositories.store.engine = self._kept
        self.repositories.store._away_until = -1.0


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    """A service without keys."""
    recommender = FakeRecommender()
    app = create_app(Settings(), load=loader(fake_loaded(recommender=recommender)))
    async with asking(app) as client:
        await until_ready(app)
        yield Service(app, client, recommender)


async def test_feedback_reaches_the_next_query_and_undoing_takes_it_out(service: Service) -> None:
    """The recommender is told what the workspace came to like, and afterwards exactly what it was told before."""
    answer = await service.suggest()
    first, second = (one["hashtag"] for one in answer["suggestions"][:2])
    body = {
        "suggestion_id": answer["suggestion_id"],
        "accepted": [f"#{first.upper()}"],
        "rejected": [second],
        "added": ["Max"],
    }
    given = await service.client.post(URL, json=body)
    assert (given.status_code, given.json()["state"]) == (201, "stored")
    await service.suggest()
    told = service.recommender.queries[-1].workspace
    assert told[first] == told["max"] > 0 > told[second]
    assert (await service.client.delete(f"{URL}/{given.json()['feedback_id']}")).status_code == 204
    await service.suggest()
    assert service.recommender.queries[-1].workspace == service.recommender.queries[-3].workspace == {}


BAD: list[tuple[dict[str, Any], int, str]] = [
    ({"accepted": []}, 422, "accepted"),
    ({"accepted": ["nosuch"]}, 422, "accepted[0]"),
    ({"rejected": ["cat", "nosuch"]}, 422, "rejected[1]"),
    ({"accepted": ["123"]}, 422, "accepted[0]"),
    ({"accepted": ["cat"], "rejected": ["#Cat"]}, 422, "rejected"),
    ({"accepted": "cat"}, 422, "accepted"),
    ({"liked": ["cat"]}, 422, "liked"),
    ({"added": ["x"] * 101}, 422, "added"),
]


@pytest.mark.parametrize(("fields", "status", "field"), BAD)
async def test_feedback_that_makes_no_sense_is_refused(
    service: Service, fields: dict[str, Any], status: int, field: str
) -> None:
    """With the field that is wrong; nothing of it counts."""
    answer = await service.suggest()
    refused = await service.client.post(URL, json={"suggestion_id": answer["suggestion_id"], **fields})
    assert refused.status_code == status
    assert refused.json()["errors"][0]["field"] == field
    assert (await service.repositories.feedback.leaning("default")).values == {}


@pytest.mark.parametrize("unknown", ["", "sg_nosuch", "sg_01K00000000000000000000000", "x" * 64])
async def test_feedback_on_an_unknown_answer_is_refused(service: Service, unknown: str) -> None:
    """Also when its id looks like one of ours; undoing what was never given, too."""
    refused = await service.client.post(URL, json={"suggestion_id": unknown, "added": ["max"]})
    assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
    assert (await service.client.delete(f"{URL}/{unknown or 'fb'}")).status_code == 404


async def test_a_retry_with_its_key_is_answered_as_before(service: Service) -> None:
    """The same key with the same body gives the same answer and counts once; with another body it is a conflict."""
    answer = await service.suggest()
    body = {"suggestion_id": answer["suggestion_id"], "accepted": ["cat"]}
    headers = {"idempotency-key": "one"}
    first, second = [await service.client.post(URL, json=body, headers=headers) for _ in range(2)]
    assert (first.status_code, first.content) == (second.status_code, second.content)
    other = await service.client.post(URL, json={**body, "added": ["max"]}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (409, "conflict")
    for bad in ("", "a b", "x" * 256):
        refused = await service.client.post(URL, json=body, headers={"idempotency-key": bad})
        assert refused.json()["errors"][0]["field"] == "Idempotency-Key"
    refused = await service.client.post(URL, json={**body, "accepted": ["nosuch"]}, headers={"idempotency-key": "two"})
    assert refused.status_code == 422
    assert (await service.client.post(URL, json=body, headers={"idempotency-key": "two"})).status_code == 201


async def test_suggestions_can_be_repeated_with_a_key(service: Service) -> None:
    """The same answer, ids and all; while the first still runs, a conflict."""
    headers = {"idempotency-key": "k"}
    first = await service.client.post("/v1/suggestions", json={"seeds": ["dog"]}, headers=headers)
    second = await service.client.post("/v1/suggestions", json={"seeds": ["dog"]}, headers=headers)
    assert first.content == second.content
    assert len(service.recommender.queries) == 2, "one of them was to warm up"
    other = await service.client.post("/v1/suggestions", json={"seeds": ["cat"]}, headers=headers)
    assert other.status_code == 409
    asked = (
        service.client.post("/v1/suggestions", json={"seeds": ["dog"]}, headers={"idempotency-key": "n"})
        for _ in range(4)
    )
    together = await asyncio.gather(*asked)
    assert {one.status_code for one in together} <= {200, 409}
    assert len({one.content for one in together if one.status_code == 200}) == 1


async def test_a_request_names_one_idempotency_key(service: Service) -> None:
    """Of two that differ, what stands in front of the service might go by the other one."""
    twice = [("idempotency-key", "a"), ("idempotency-key", "b")]
    refused = await service.client.post("/v1/suggestions", json={"seeds": ["dog"]}, headers=twice)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "Idempotency-Key")


async def test_a_batch_can_be_repeated_with_a_key(service: Service) -> None:
    """Whole, with every id, and another form of answer is another request."""
    url, posts = "/v1/suggestions/batch", {"posts": [{"seeds": ["dog"]}, {"seeds": ["123"]}]}
    first, second = [await service.client.post(url, json=posts, headers={"idempotency-key": "b"}) for _ in range(2)]
    assert (first.status_code, first.content) == (second.status_code, second.content)
    other = await service.client.post(url, json={"posts": [{"seeds": ["cat"]}]}, headers={"idempotency-key": "b"})
    assert other.json()["code"] == "conflict"
    lines = await service.client.post(url, json=posts, headers={"idempotency-key": "b", **LINES})
    assert lines.json()["code"] == "conflict"


async def test_a_batch_that_is_sent_as_lines_can_be_repeated_with_a_key(service: Service) -> None:
    """The lines that were sent come again, in their order and with every id, and no post is answered twice."""
    url, posts = "/v1/suggestions/batch", {"posts": [{"seeds": ["dog"]}, {"seeds": ["123"]}, {"seeds": ["cat"]}]}
    headers = {"idempotency-key": "b", **LINES}
    first, second = [await service.client.post(url, json=posts, headers=headers) for _ in range(2)]
    assert (first.status_code, len(first.text.splitlines())) == (200, 3)
    assert first.content == second.content
    assert first.headers["content-type"] == second.headers["content-type"]
    assert len(service.recommender.queries) == 3, "one of them was to warm up"
    other = await service.client.post(url, json={"posts": [{"seeds": ["cat"]}]}, headers=headers)
    assert other.json()["code"] == "conflict"


async def test_lines_that_were_not_read_to_their_end_are_not_kept(service: Service) -> None:
    """Who lost the connection asks again with the same key, and gets everything."""
    url, posts = "/v1/suggestions/batch", {"posts": [{"seeds": ["dog"]}] * 60}
    app = service.client._transport.app  # type: ignore[attr-defined]
    body, sent = json.dumps(posts).encode(), asyncio.Event()

    async def receive() -> dict[str, Any]:
        if not sent.is_set():
            sent.set()
            return {"type": "http.request", "body": body}
        await asyncio.Event().wait()
        raise AssertionError("nothing comes after the body")

    async def send(message: dict[str, Any]) -> None:
        if message.get("body"):
            raise OSError("the client has gone")

    headers = [(b"content-type", b"application/json"), (b"idempotency-key", b"b"), (b"accept", b"application/x-ndjson")]
    scope = {"type": "http", "asgi": {"spec_version": "2.4"}, "http_version": "1.1", "method": "POST", "path": url}
    await app({**scope, "raw_path": url.encode(), "query_string": b"", "headers": headers}, receive, send)
    again = await service.client.post(url, json=posts, headers={"idempotency-key": "b", **LINES})
    assert (again.status_code, len(again.text.splitlines())) == (200, 60)


async def test_suggestions_go_on_without_the_database(service: Service) -> None:
    """With what was known, a warning, and a record that feedback finds when the database is back."""
    answer = await service.suggest()
    await service.client.post(URL, json={"suggestion_id": answer["suggestion_id"], "accepted": ["cat"]})
    await service.suggest()
    await service.take_database_away()
    away = await service.suggest()
    assert [warning["code"] for warning in away["warnings"]] == ["store_unavailable"]
    assert service.recommender.queries[-1].workspace == service.recommender.queries[-2].workspace != {}
    kept = await service.client.post(
        URL, json={"suggestion_id": away["suggestion_id"], "added": ["max"]}, headers={"idempotency-key": "k"}
    )
    again = await service.client.post(
        URL, json={"suggestion_id": away["suggestion_id"], "added": ["max"]}, headers={"idempotency-key": "k"}
    )
    assert (kept.status_code, kept.json()["state"]) == (202, "kept")
    assert again.json() == kept.json()
    other = await service.client.post(
        URL, json={"suggestion_id": away["suggestion_id"], "added": ["moritz"]}, headers={"idempotency-key": "k"}
    )
    assert other.status_code == 202
    for method, path in (("GET", "/v1/sets"), ("GET", "/v1/sets/a"), ("DELETE", f"{URL}/{kept.json()['feedback_id']}")):
        refused = await service.client.request(method, path)
        assert (refused.status_code, refused.json()["code"]) == (503, "store_unavailable")
        assert int(refused.headers["retry-after"]) >= 1
    service.bring_database_back()
    await service.repositories.journal.carry_over()
    back = await service.suggest()
    assert back["warnings"] == []
    assert set(service.recommender.queries[-1].workspace) == {"cat", "max", "moritz"}
    assert (await service.client.delete(f"{URL}/{kept.json()['feedback_id']}")).status_code == 204


async def test_feedback_that_cannot_be_kept_is_refused(service: Service) -> None:
    """A full spool, and the database away: the caller learns that it was not accepted."""
    answer = await service.suggest()
    await service.repositories.journal.carry_over()
    await service.take_database_away()
    service.repositories.journal.spool._max_bytes = 0
    refused = await service.client.post(URL, json={"suggestion_id": answer["suggestion_id"], "added": ["max"]})
    assert (refused.status_code, refused.json()["code"]) == (503, "store_unavailable")
    unrecorded = await service.suggest()
    assert any("no room" in warning["detail"] for warning in unrecorded["warnings"])


async def test_feedback_on_an_answer_without_a_record_is_never_kept(service: Service) -> None:
    """Its id says that it has none: while the database is away, when it is back, and to every other process."""
    spool = service.repositories.journal.spool
    room, spool._max_bytes = spool._max_bytes, 0
    unrecorded = await service.suggest()
    assert any("no room" in warning["detail"] for warning in unrecorded["warnings"])
    spool._max_bytes = room
    recorded = await service.suggest()
    await service.take_database_away()
    about = {"suggestion_id": unrecorded["suggestion_id"], "added": ["max"]}
    for away in (True, False):
        if not away:
            service.bring_database_back()
        refused = await service.client.post(URL, json=about)
        assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
        assert "no room to remember" in refused.json()["detail"]
        about_recorded = {"suggestion_id": recorded["suggestion_id"], "added": ["max"]}
        assert (await service.client.post(URL, json=about_recorded)).status_code == (202 if away else 201)


async def test_a_full_spool_is_told_to_the_operator(service: Service) -> None:
    """While it refuses answers, and no longer."""
    app = service.client._transport.app  # type: ignore[attr-defined]
    watch = StoreWatch(
        service.repositories.store, parts_of(app).lifecycle.concerns, Metrics(), service.repositories.journal
    )
    spool = service.repositories.journal.spool
    room, spool._max_bytes = spool._max_bytes, 0
    await service.suggest()
    await watch.look()
    assert "spool_full" in str((await service.client.get("/ready")).json()["warnings"])
    spool._max_bytes = room
    await service.suggest()
    await watch.look()
    assert SPOOL_FULL not in parts_of(app).lifecycle.concerns


async def test_no_caption_and_no_picture_is_remembered(service: Service) -> None:
    """Of an answer its hashtags, scores and parts are on record, and nothing of what was asked."""
    await service.suggest(caption="a secret walk along the river")
    await service.repositories.journal.carry_over()
    async with service.repositories.store.statements() as connection:
        (row,) = (await connection.exec_driver_sql("SELECT * FROM suggestions")).mappings()
    assert set(row) == {"id", "workspace", "bundle", "created_ms", "hashtags"}
    assert "river" not in str(dict(row))
    assert "secret" not in str(dict(row))


def test_an_id_made_now_is_no_older_than_it_says() -> None:
    """What tells a young answer from an unknown one."""
    from service.store.ids import made_at_ms

    assert made_at_ms(suggestion_id(now=lambda: 1_795_000_000.5)) == 1_795_000_000_500
    for other in ("", "sg_", "sg_01K", "SG_01K00000000000000000000000", "sg_81K00000000000000000000000"):
        assert made_at_ms(other) is None
