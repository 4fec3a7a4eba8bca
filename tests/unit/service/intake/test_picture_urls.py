"""A picture by URL, all the way through the service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.fakes import PHOTO
from tests.support.serving import BLOCKED
from tests.support.url_network import Listener, answer
from tests.unit.service.conftest import Ask


@pytest.fixture
async def neighbour() -> AsyncIterator[Listener]:
    """A file store beside the service."""
    one = Listener()
    server = await asyncio.start_server(one.serve, "127.0.0.1", 0)
    one.port = server.sockets[0].getsockname()[1]
    yield one
    one.closed.set()
    server.close()


def _without_ids(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if not name.endswith("_id")}


async def test_a_neighbours_picture_is_answered_like_one_that_is_sent(serve: Ask, neighbour: Listener) -> None:
    """Alone, in a batch and in a check; where its origin is not allowed it is never asked."""
    origin = f"http://127.0.0.1:{neighbour.port}"
    post = {"image": {"url": f"{origin}/a.jpg"}, "limit": 4}
    closed = await serve()
    assert (await closed.post("/v1/suggestions", json=post)).json()["code"] == "image_url_refused"
    assert neighbour.n_connections == 0
    client = await serve(image_origins=origin)
    sent = await client.post("/v1/suggestions", files={"image": ("a.jpg", PHOTO)}, data={"options": '{"limit": 4}'})
    fetched = await client.post("/v1/suggestions", json=post)
    assert _without_ids(fetched.json()) == _without_ids(sent.json())
    batch = await client.post("/v1/suggestions/batch", json={"posts": [post]})
    assert _without_ids(batch.json()["results"][0]["answer"]) == _without_ids(sent.json())
    checked = await client.post("/v1/check", json={"hashtags": ["dog"], "image": post["image"]})
    assert checked.json()["hashtags"][0]["fit"]["level"] == "good"
    assert neighbour.n_connections == 3


async def test_what_a_neighbour_sends_is_judged_by_its_bytes(serve: Ask, neighbour: Listener) -> None:
    """Whatever it calls it; and an error of its own is that no picture came."""
    client = await serve(image_origins=f"http://127.0.0.1:{neighbour.port}")
    post = {"image": {"url": f"http://127.0.0.1:{neighbour.port}/a.jpg"}}
    neighbour.respond = lambda path: answer(b"<html>", Content_Type="image/jpeg")
    assert (await client.post("/v1/suggestions", json=post)).json()["code"] == "unsupported_image"
    neighbour.respond = lambda path: answer(PHOTO, "503 Service Unavailable")
    assert (await client.post("/v1/suggestions", json=post)).json()["code"] == "image_url_unreachable"


async def test_fields_are_judged_before_anything_is_fetched(serve: Ask, neighbour: Listener) -> None:
    """A request that is refused anyway costs the neighbour nothing."""
    client = await serve(image_origins=f"http://127.0.0.1:{neighbour.port}")
    post = {"image": {"url": f"http://127.0.0.1:{neighbour.port}/a.jpg"}, "topic": "war"}
    assert (await client.post("/v1/suggestions", json=post)).json()["code"] == "invalid_request"
    assert neighbour.n_connections == 0


async def test_seeds_and_pins_on_the_block_list_are_dropped_and_told(serve: Ask) -> None:
    """By their place, not by their name; a post with nothing else has nothing to go on."""
    client = await serve()
    body = (await client.post("/v1/suggestions", json={"seeds": ["dog", BLOCKED], "pin": [BLOCKED, "cat"]})).json()
    assert body["suggestions"][0]["hashtag"] == "cat"
    assert BLOCKED not in str(body)
    assert [one["field"] for one in body["warnings"] if one["code"] == "hashtag_blocked"] == ["seeds", "pin"]
    assert (await client.post("/v1/suggestions", json={"seeds": [BLOCKED]})).json()["code"] == "nothing_to_go_on"


async def test_what_a_dated_source_restricts_is_flagged_and_still_suggested(serve: Ask) -> None:
    """The choice is the caller's; the claim is the source's."""
    body = (await (await serve()).post("/v1/suggestions", json={"seeds": ["dog"], "pin": ["art"]})).json()
    assert body["suggestions"][0]["hashtag"] == "art"
    flag = {"hashtag": "art", "status": "restricted", "source": "https://example.org", "as_of": "2026-11-01"}
    assert body["safety"]["flagged"] == [flag]
