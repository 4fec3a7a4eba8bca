"""Saved sets over HTTP: what is sent, what comes back, and which version is meant."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from service.problems import Refusal
from service.protocol.parameters import if_match, if_none_match
from tests.unit.service.conftest import Ask

URL = "/v1/sets"


async def _put(client: httpx.AsyncClient, name: str, *hashtags: str, **headers: str) -> httpx.Response:
    sent = {header.replace("_", "-"): value for header, value in headers.items()}
    return await client.put(f"{URL}/{name}", json={"hashtags": list(hashtags)}, headers=sent)


async def test_a_set_lives_and_dies(client: httpx.AsyncClient) -> None:
    """Made, read, not read again when unchanged, replaced, deleted; each step by the version before."""
    made = await _put(client, "summer-2026", "#Sun", "sun", "BeachDay")
    assert made.status_code == 201
    assert made.json()["hashtags"] == ["sun", "beachday"]
    etag = made.headers["etag"]
    read = await client.get(f"{URL}/summer-2026")
    assert (read.json(), read.headers["etag"]) == (made.json(), etag)
    unchanged = await client.get(f"{URL}/summer-2026", headers={"if-none-match": f'"x", W/{etag}'})
    assert (unchanged.status_code, unchanged.content, unchanged.headers["etag"]) == (304, b"", etag)
    replaced = await _put(client, "summer-2026", "rain", if_match=etag)
    assert replaced.status_code == 200
    assert replaced.headers["etag"] != etag
    stale = await client.delete(f"{URL}/summer-2026", headers={"if-match": etag})
    assert (stale.status_code, stale.json()["code"]) == (412, "precondition_failed")
    gone = await client.delete(f"{URL}/summer-2026", headers={"if-match": replaced.headers["etag"]})
    assert (gone.status_code, gone.content) == (204, b"")
    for again in (await client.get(f"{URL}/summer-2026"), await client.delete(f"{URL}/summer-2026")):
        assert (again.status_code, again.json()["code"]) == (404, "not_found")


async def test_a_set_that_does_not_come_is_not_waited_for(serve: Ask) -> None:
    """A body that drips in would hold its connection for as long as the client likes."""
    client = await serve(deadline_s=0.1)

    async def dripping() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(0.02)

    slow = await client.put(f"{URL}/a", content=dripping(), headers={"content-type": "application/json"})
    assert (slow.status_code, slow.json()["code"]) == (503, "timed_out")


async def test_replacing_blindly_is_refused(client: httpx.AsyncClient) -> None:
    """Without a version nothing that is there is replaced or deleted; a weak version is no version."""
    made = await _put(client, "a", "sun")
    for blind in (await _put(client, "a", "rain"), await client.delete(f"{URL}/a")):
        assert (blind.status_code, blind.json()["code"]) == (428, "precondition_required")
    for wrong in ({"if_match": f"W/{made.headers['etag']}"}, {"if_match": '"x"'}, {"if_none_match": "*"}):
        assert (await _put(client, "a", "rain", **wrong)).status_code == 412
    assert (await _put(client, "b", "rain", if_match="*")).status_code == 412
    assert (await _put(client, "b", "rain", if_none_match="*")).status_code == 201
    assert (await _put(client, "a", "rain", if_match="*")).status_code == 200


@pytest.mark.parametrize(
    ("name", "body", "field"),
    [
        ("a", {"hashtags": []}, "hashtags"),
        ("a", {"hashtags": ["x"] * 201}, "hashtags"),
        ("a", {"hashtags": ["sun", "1 2"]}, "hashtags[1]"),
        ("a", {"hashtags": "sun"}, "hashtags"),
        ("a", {"hashtags": ["sun"], "note": "x"}, "note"),
        ("a" * 65, {"hashtags": ["sun"]}, "name"),
        ("-a", {"hashtags": ["sun"]}, "name"),
        ("%20", {"hashtags": ["sun"]}, "name"),
    ],
)
async def test_what_is_no_set_is_refused(
    client: httpx.AsyncClient, name: str, body: dict[str, Any], field: str
) -> None:
    """With the field that is wrong."""
    refused = await client.put(f"{URL}/{name}", json=body)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == field


async def test_lists_come_in_pages(client: httpx.AsyncClient) -> None:
    """Each set once, with the version that replacing it takes; a cursor of one's own making is refused."""
    names = [f"set{number}" for number in range(5)]
    for name in names:
        await _put(client, name, "sun")
    found: list[dict[str, Any]] = []
    params: dict[str, Any] = {"limit": 2}
    while params:
        page = (await client.get(URL, params=params)).json()
        found += page["sets"]
        params = {"limit": 2, "cursor": page["next_cursor"]} if page["next_cursor"] else {}
    assert [one["name"] for one in found] == names
    assert (await _put(client, names[0], "rain", if_match=found[0]["etag"])).status_code == 200
    for bad in ("x", "!!", "é", "YQ==", "w6k"):
        refused = await client.get(URL, params={"cursor": bad})
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "cursor")


@pytest.mark.parametrize(("query", "field"), [("page=2", "page"), ("limit=1&limit=2", "limit"), ("limit=0", "limit")])
async def test_a_list_is_not_asked_for_in_other_words(client: httpx.AsyncClient, query: str, field: str) -> None:
    """What would be passed over in silence is refused, as in every other query string that is read."""
    refused = await client.get(f"{URL}?{query}")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, field)


def _request(header: str, value: bytes) -> Request:
    return Request({"type": "http", "headers": [(header.encode(), value)]})


@given(st.binary(max_size=40))
def test_any_condition_is_read_or_refused(value: bytes) -> None:
    """Nothing that a header can hold is more than a refusal."""
    for header, read in (("if-match", if_match), ("if-none-match", if_none_match)):
        try:
            found = read(_request(header, value))
        except Refusal as refusal:
            assert refusal.code == "invalid_request"
        else:
            assert found is not None
            assert "" not in found


def test_conditions_name_their_versions() -> None:
    """Weak ones count for reading alone, as RFC 9110 has it; an asterisk in quotes is not the bare one."""
    assert if_match(_request("if-match", b'"a", W/"b",  "c"')) == frozenset({"a", "c"})
    assert if_none_match(_request("if-none-match", b'"a",W/"b"')) == frozenset({"a", "b"})
    assert if_match(_request("if-match", b"*")) == frozenset({"*"})
    assert if_match(_request("if-match", b'"*"')) == frozenset()
    assert if_match(_request("x", b"")) is None
