"""Who is let in: every endpoint of the live application against every kind of key; a new one is in it by itself."""

from __future__ import annotations

import asyncio
import io
import logging
import shutil
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from service.app import create_app
from service.context import parts_of
from service.observe.logs import LOGGER, JsonLines
from service.protocol.auth import ANYONE, SCOPES, Scope, scope_checks
from service.settings import Settings
from service.store.database import open_store
from service.store.key_ring import KeyRing, new_key
from service.store.repositories import Repositories
from tests.support.serving import fake_loaded, loader
from tests.unit.service.conftest import asking, until_ready

OPEN = {("GET", "/ping"), ("GET", "/ready"), ("GET", "/openapi.json"), ("GET", "/docs")}
"""What anyone may ask: whether the service lives, and what the contract is."""
FILLED_IN = {"{feedback_id}": "fb_00000000000000000000000000", "{name}": "mine", "{hashtag}": "dog"}
USUAL: dict[str, Any] = {"workspace": "studio", "scopes": SCOPES, "per_minute": 10_000, "lifetime_s": None}
SECRET_CAPTION = "a caption that nobody else may read"


def _guarded() -> list[tuple[str, str, Scope | None]]:
    app = create_app(Settings(), load=loader(fake_loaded()))
    return [(method, path, guard.scope) for (method, path), guard in scope_checks(app).items() if guard is not None]


GUARDED = _guarded()


@dataclass
class Door:
    """A running service with keys, and those keys."""

    app: FastAPI
    client: httpx.AsyncClient
    repositories: Repositories
    keys: dict[str, str]

    async def ask(self, method: str, path: str, key: str | None, **more: Any) -> httpx.Response:
        """Return the answer to a request with a key; its body is one that no call can read."""
        for part, value in FILLED_IN.items():
            path = path.replace(part, value)
        headers = {} if key is None else {"authorization": f"Bearer {self.keys.get(key, key)}"}
        more = more or {"content": f'{{"caption": "{SECRET_CAPTION}", ' if method in ("POST", "PUT") else None}
        return await self.client.request(method, path, headers=headers, **more)

    async def make(self, name: str, **facts: Any) -> str:
        """Make a key that ``ask`` knows by its name; return its id."""
        stored, self.keys[name] = await self.repositories.keys.create(**{**USUAL, "name": name, **facts})
        return stored.key_id


@pytest.fixture(scope="session")
def peopled(empty_database: Path) -> tuple[Path, dict[str, str]]:
    """A database with a key of each kind, and those keys."""
    path = Path(shutil.copy(empty_database, empty_database.parent / "peopled.db"))
    keys = {"unknown": new_key()[1], "malformed": "tgs_letmein"}
    kinds: dict[str, dict[str, Any]] = {
        "all": {},
        "expired": {"lifetime_s": 0.0},
        "revoked": {},
        "spent": {"per_minute": 1},
        **{f"all but {scope}": {"scopes": tuple(set(SCOPES) - {scope})} for scope in SCOPES},
    }

    async def make() -> None:
        store = open_store(f"sqlite:///{path}")
        for name, facts in kinds.items():
            stored, keys[name] = await KeyRing(store).create(**{**USUAL, "name": name, **facts})
            if name == "revoked":
                await KeyRing(store).revoke(stored.key_id)
        await store.close()

    # In a thread of its own: an event loop may be running in this one.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, make()).result()
    return path, keys


@pytest.fixture
async def door(tmp_path: Path, peopled: tuple[Path, dict[str, str]]) -> AsyncIterator[Door]:
    """A service with one key of each kind."""
    shutil.copy(peopled[0], tmp_path / "doors.db")
    app = create_app(Settings(database=f"sqlite:///{tmp_path}/doors.db"), load=loader(fake_loaded()))
    async with asking(app) as client:
        await until_ready(app)
        yield Door(app, client, parts_of(app).repositories, dict(peopled[1]))


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Everything that is logged."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    level = LOGGER.level
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.DEBUG)
    yield stream
    LOGGER.removeHandler(handler)
    LOGGER.setLevel(level)


def test_every_route_is_guarded_or_meant_to_be_open() -> None:
    """A new endpoint is behind a key unless somebody says here that it is not."""
    app = create_app(Settings(), load=loader(fake_loaded()))
    assert {route for route, guard in scope_checks(app).items() if guard is None} == OPEN
    assert len(GUARDED) >= 17
    assert {scope for _, _, scope in GUARDED} == {*SCOPES, None}


@pytest.mark.parametrize(("method", "path", "scope"), GUARDED, ids=lambda value: str(value))
async def test_each_endpoint_opens_to_the_right_keys_alone(
    door: Door, lines: io.StringIO, method: str, path: str, scope: Scope | None
) -> None:
    """Refused are no key, a wrong, malformed, expired or revoked one, one without the scope, and one over its rate."""
    for key in (None, "unknown", "malformed", "expired", "revoked"):
        refused = await door.ask(method, path, key)
        code = "missing_key" if key is None else "bad_key"
        assert (refused.status_code, refused.json()["code"]) == (401, code), key
        assert refused.headers["www-authenticate"].startswith("Bearer")
        assert "ratelimit" not in refused.headers
    if scope is not None:
        refused = await door.ask(method, path, f"all but {scope}")
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
        assert "ratelimit" in refused.headers
    await door.ask("GET", "/v1/me", "spent")
    limited = await door.ask(method, path, "spent")
    assert (limited.status_code, limited.json()["code"]) == (429, "rate_limited")
    assert 1 <= int(limited.headers["retry-after"]) <= 60
    assert (limited.headers["ratelimit-policy"], limited.headers["ratelimit"][:8]) == ('"key";q=1;w=60', '"key";r=')
    let_in = await door.ask(method, path, "all")
    assert let_in.status_code not in (401, 403, 429)
    assert let_in.headers["ratelimit-policy"] == '"key";q=10000;w=60'
    logged = lines.getvalue()
    assert path in logged
    assert SECRET_CAPTION not in logged
    assert not [name for name, key in door.keys.items() if key.rpartition("_")[2] in logged]


async def test_no_other_method_gets_past_a_door(door: Door) -> None:
    """What is not offered is refused before any work, whoever asks, and tells nothing but what is offered."""
    offered = {(method, path) for method, path, _ in GUARDED}
    for path in {path for _, path in offered}:
        for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"}:
            if (method, path) not in offered:
                refused = await door.ask(method, path, None, content=None)
                # HEAD is GET without its body, and as closed.
                as_get = method == "HEAD" and ("GET", path) in offered
                assert refused.status_code == (401 if as_get else 405), (method, path)
                assert "ratelimit" not in refused.headers


@pytest.mark.parametrize(("method", "path"), sorted(OPEN))
async def test_what_is_open_needs_no_key(door: Door, method: str, path: str) -> None:
    """Also where there are keys, and whatever is sent along."""
    for key in (None, "unknown"):
        assert (await door.ask(method, path, key)).status_code == 200


async def test_head_is_behind_the_same_door_and_charged_the_same(door: Door) -> None:
    """Asking for headers alone is no way around a key or its rate."""
    refused = await door.ask("HEAD", "/v1/topics", None)
    assert (refused.status_code, refused.headers["www-authenticate"][:6]) == (401, "Bearer")
    assert (await door.ask("HEAD", "/v1/topics", "all but read")).status_code == 403
    await door.make("heads", per_minute=1)
    assert (await door.ask("HEAD", "/v1/topics", "heads")).headers["ratelimit"].split(";")[1] == "r=0"
    assert (await door.ask("HEAD", "/v1/topics", "heads")).status_code == 429


async def test_a_key_is_read_from_either_header(door: Door) -> None:
    """Two that differ are refused rather than one of them chosen."""
    key, other = door.keys["all"], door.keys["all but read"]
    for headers in (
        {"x-api-key": key},
        {"authorization": f"bearer  {key} "},
        {"authorization": "Basic x", "x-api-key": key},
    ):
        assert (await door.client.get("/v1/me", headers=headers)).status_code == 200
    both = await door.client.get("/v1/me", headers={"authorization": f"Bearer {key}", "x-api-key": other})
    assert both.json()["code"] == "bad_key"
    for name, first, second in (("authorization", f"Bearer {key}", f"Bearer {other}"), ("x-api-key", key, other)):
        doubled = await door.client.get("/v1/me", headers=[(name, first), (name, second)])
        assert (doubled.status_code, doubled.json()["code"]) == (401, "bad_key")
    same = await door.client.get("/v1/me", headers=[("x-api-key", key), ("authorization", f"Bearer {key}")])
    assert same.status_code == 200
    basic = await door.client.get("/v1/me", headers={"authorization": "Basic dXNlcjpwYXNz"})
    assert basic.json()["code"] == "missing_key"
    for odd in ("é", "Bearer", "Bearer " + "x" * 5000, "\x00"):
        answer = await door.client.get("/v1/me", headers={b"authorization": odd.encode()})
        assert answer.status_code in (400, 401)


@pytest.mark.parametrize("name", ["key", "api_key", "access_token", "x-api-key", "authorization"])
async def test_a_key_elsewhere_than_in_a_header_is_none(door: Door, name: str) -> None:
    """Addresses end up in histories and in logs of proxies; cookies come along unasked."""
    key = door.keys["all"]
    for sent in (
        await door.client.get("/v1/me", params={name: key}),
        await door.client.get("/v1/me", headers={"cookie": f"{name}={key}"}),
        await door.client.post("/v1/suggestions", json={"seeds": ["dog"], name: key}),
    ):
        assert sent.json()["code"] == "missing_key"
        assert key not in sent.text


async def test_the_right_id_with_a_wrong_secret_is_refused(door: Door) -> None:
    """One letter off is as wrong as any other."""
    key = door.keys["all"]
    for wrong in (key[:-1] + ("a" if key[-1] != "a" else "b"), key[:17] + key[:-53:-1], key.upper()):
        assert (await door.ask("GET", "/v1/me", wrong)).json()["code"] == "bad_key"


async def test_a_key_that_is_revoked_while_in_use_ends_at_once(door: Door) -> None:
    """The next request is the first one refused."""
    key_id = await door.make("short")
    assert (await door.ask("GET", "/v1/me", "short")).status_code == 200
    await door.repositories.keys.revoke(key_id)
    assert (await door.ask("GET", "/v1/me", "short")).status_code == 401


async def test_me_tells_who_one_is_and_what_is_left(door: Door) -> None:
    """Not the key, and not another's."""
    key_id = await door.make("me", scopes=["read"], workspace="mine", per_minute=7, lifetime_s=3600)
    await door.ask("GET", "/v1/topics", "me")
    body = (await door.ask("GET", "/v1/me", "me")).json()
    assert (body["workspace"], body["key_id"], body["name"], body["scopes"]) == ("mine", key_id, "me", ["read"])
    assert body["expires"].endswith("Z")
    assert body["rate"]["per_minute"] == 7
    assert body["rate"]["remaining"] == 5


async def test_another_workspaces_things_are_out_of_reach(door: Door) -> None:
    """Each endpoint that has a workspace's things, asked by a stranger with every scope."""
    await door.make("stranger", workspace="rival")
    answer = (await door.ask("POST", "/v1/suggestions", "all", json={"seeds": ["dog"]})).json()
    about = {"suggestion_id": answer["suggestion_id"], "accepted": [answer["suggestions"][0]["hashtag"]]}
    given = (await door.ask("POST", "/v1/feedback", "all", json=about)).json()
    saved = await door.ask("PUT", "/v1/sets/{name}", "all", json={"hashtags": ["dog"]})
    assert saved.status_code == 201
    tried = {
        ("POST", "/v1/feedback"): await door.ask("POST", "/v1/feedback", "stranger", json=about),
        ("DELETE", "/v1/feedback/{feedback_id}"): await door.ask(
            "DELETE", f"/v1/feedback/{given['feedback_id']}", "stranger"
        ),
        ("GET", "/v1/sets"): await door.ask("GET", "/v1/sets", "stranger"),
        ("GET", "/v1/sets/{name}"): await door.ask("GET", "/v1/sets/{name}", "stranger"),
        ("DELETE", "/v1/sets/{name}"): await door.ask("DELETE", "/v1/sets/{name}", "stranger"),
        ("PUT", "/v1/sets/{name}"): await door.ask("PUT", "/v1/sets/{name}", "stranger", json={"hashtags": ["cat"]}),
    }
    assert set(tried) == {(method, path) for method, path, scope in GUARDED if scope in ("feedback", "sets")}
    assert [one.status_code for one in tried.values()] == [403, 403, 200, 404, 404, 201]
    assert tried["GET", "/v1/sets"].json()["sets"] == []
    assert (await door.ask("GET", "/v1/sets/{name}", "all")).json()["hashtags"] == ["dog"]
    leaning = [await door.repositories.feedback.leaning(workspace) for workspace in ("studio", "rival", ANYONE)]
    assert [bool(one.values) for one in leaning] == [True, False, False]


async def test_a_batch_costs_a_token_a_post(door: Door) -> None:
    """And no more than the key may ask in a minute, so that it can be asked at all."""
    await door.make("batches", per_minute=5)
    posts = {"posts": [{"seeds": ["dog"]}] * 3}
    first = await door.ask("POST", "/v1/suggestions/batch", "batches", json=posts)
    assert (first.status_code, first.headers["ratelimit"].split(";")[1]) == (200, "r=2")
    refused = await door.ask("POST", "/v1/suggestions/batch", "batches", json=posts)
    assert refused.json()["code"] == "rate_limited"
    await door.make("small", per_minute=2)
    assert (await door.ask("POST", "/v1/suggestions/batch", "small", json=posts)).status_code == 200


async def test_a_batch_that_waits_as_long_as_it_is_told_has_tokens_for_all_its_posts(door: Door) -> None:
    """Also for the one that was taken before it was read: who waited for the rest alone would be refused for ever."""
    await door.make("slow", per_minute=3)
    posts = {"posts": [{"seeds": ["dog"]}] * 3}
    await door.ask("GET", "/v1/me", "slow")
    refused = await door.ask("POST", "/v1/suggestions/batch", "slow", json=posts)
    assert refused.headers["ratelimit"].split(";")[1] == "r=1"
    assert 20 < int(refused.headers["retry-after"]) <= 40  # two more, each in 20 s
