"""The OpenAPI document tells the truth, and all of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from service.app import create_app
from service.problems import KINDS
from service.routes import reference as reference_page
from service.routes.reference import render_reference
from service.schemas import requests as schemas
from service.settings import Settings
from tests.support.fakes import PHOTO
from tests.support.serving import fake_loaded, loader

Document = dict[str, Any]


@pytest.fixture
def document() -> Document:
    """The document of an application."""
    return create_app(Settings(), load=loader(fake_loaded())).openapi()


def _operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            yield method, path, operation


def _references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for child in node.values():
            yield from _references(child)
    elif isinstance(node, list):
        for child in node:
            yield from _references(child)


def test_every_route_is_described(document: Document) -> None:
    """All of the contract that exists, and nothing more."""
    assert {(method, path) for method, path, _ in _operations(document)} == {
        ("post", "/v1/suggestions"),
        ("post", "/v1/suggestions/batch"),
        ("post", "/v1/check"),
        ("get", "/v1/hashtags"),
        ("get", "/v1/hashtags/{hashtag}"),
        ("get", "/v1/trending"),
        ("post", "/v1/feedback"),
        ("delete", "/v1/feedback/{feedback_id}"),
        ("get", "/v1/sets"),
        ("get", "/v1/sets/{name}"),
        ("put", "/v1/sets/{name}"),
        ("delete", "/v1/sets/{name}"),
        ("get", "/v1/me"),
        ("get", "/v1/topics"),
        ("get", "/v1/bundle"),
        ("get", "/v1/platforms"),
        ("get", "/v1/limits"),
        ("get", "/ping"),
        ("get", "/ready"),
        ("get", "/metrics"),
    }


def test_every_reference_leads_somewhere(document: Document) -> None:
    """Generators of clients follow them."""
    for reference in _references(document):
        node: Any = document
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]


def test_problems_are_documented_as_problems(document: Document) -> None:
    """Each status that a call may have names its codes, and FastAPI's own error form is nowhere."""
    responses = document["paths"]["/v1/suggestions"]["post"]["responses"]
    told = {
        (code, int(status))
        for status, response in responses.items()
        for code in response["content"].get("application/problem+json", {}).get("examples", {})
    }
    elsewhere = {"not_found", "method_not_allowed", "precondition_failed", "precondition_required"}
    assert told == {(code, kind.status) for code, kind in KINDS.items() if code not in elsewhere}
    assert "HTTPValidationError" not in json.dumps(document)


def test_every_answer_documents_the_headers_that_it_carries(document: Document) -> None:
    """X-Request-ID and Server-Timing everywhere, Retry-After with 429 and 503."""
    for _, _, operation in _operations(document):
        for status, response in operation["responses"].items():
            assert {"X-Request-ID", "Server-Timing"} <= set(response["headers"])
            assert ("Retry-After" in response["headers"]) == (status in ("429", "503"))


async def test_limits_stand_in_the_schema(document: Document, client: httpx.AsyncClient) -> None:
    """What /v1/limits says is what the document says."""
    fields = document["components"]["schemas"]["SuggestionRequest"]["properties"]
    assert (fields["limit"]["minimum"], fields["limit"]["maximum"]) == (1, schemas.MAX_SUGGESTIONS)
    assert fields["seeds"]["maxItems"] == schemas.MAX_SEEDS
    assert fields["caption"]["maxLength"] == schemas.MAX_CAPTION_CHARACTERS
    assert document["components"]["schemas"]["SuggestionRequest"]["additionalProperties"] is False
    sent = document["components"]["schemas"]
    told = (await client.get("/v1/limits")).json()
    assert told["set_hashtags"] == sent["SetRequest"]["properties"]["hashtags"]["maxItems"]
    assert told["feedback_hashtags"] == sent["FeedbackRequest"]["properties"]["added"]["maxItems"]
    assert told["check_hashtags"] == sent["CheckRequest"]["properties"]["hashtags"]["maxItems"]
    assert told["batch_posts"] == sent["BatchRequest"]["properties"]["posts"]["maxItems"]


def test_the_form_is_described_beside_json(document: Document) -> None:
    """Both content types, with the parts that intake reads."""
    content = document["paths"]["/v1/suggestions"]["post"]["requestBody"]["content"]
    assert set(content) == {"application/json", "multipart/form-data"}
    assert set(content["multipart/form-data"]["schema"]["properties"]) == {
        "image",
        "caption",
        "seeds",
        "platforms",
        "options",
    }


async def test_the_documented_example_is_answered(client: httpx.AsyncClient, document: Document) -> None:
    """The first thing that a reader pastes works."""
    for example in document["components"]["schemas"]["SuggestionRequest"]["examples"]:
        assert (await client.post("/v1/suggestions", json=example)).status_code == 200


async def test_an_answer_has_exactly_the_documented_members(client: httpx.AsyncClient, document: Document) -> None:
    """No field goes out that the document does not know, and none is missing."""
    body = (await client.post("/v1/suggestions", files={"image": ("a.jpg", PHOTO)})).json()
    components = document["components"]["schemas"]
    assert set(body) == set(components["SuggestionAnswer"]["properties"])
    assert set(body["suggestions"][0]) == set(components["SuggestedHashtag"]["properties"])


async def test_the_page_to_read_needs_nothing_from_elsewhere(client: httpx.AsyncClient) -> None:
    """No script, no style sheet, no picture of another host; every call and object is on it."""
    response = await client.get("/docs")
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert not re.search(r"<script|<link|<img|src=|https?://(?!t\b)", response.text)
    for words in ("POST /v1/suggestions", "nothing", "SuggestionOptions", "multipart/form-data", "goldenretriever"):
        assert words in response.text


async def test_anchors_of_the_page_exist(client: httpx.AsyncClient) -> None:
    """A click on a type leads to its table."""
    text = (await client.get("/docs")).text
    assert set(re.findall(r'href="#(\w+)"', text)) <= set(re.findall(r'id="(\w+)"', text))


async def test_the_page_to_read_is_set_like_prose(client: httpx.AsyncClient) -> None:
    """Code as code, statuses in their order, and what path, query string and headers take."""
    text = (await client.get("/docs")).text
    assert "`" not in re.sub(r"<pre>.*?</pre>", "", text, flags=re.DOTALL)
    for table in re.findall(r"<th>Status</th>.*?</table>", text):
        statuses = re.findall(r"<tr><td>(\d+)</td>", table)
        assert statuses == sorted(statuses)
    assert "<td><code>prefix</code></td><td>query</td><td>string</td>" in text
    assert "<td><code>If-Match</code></td><td>header</td><td>string</td>" in text


def test_what_a_document_says_cannot_become_markup() -> None:
    """Neither beside code nor inside it."""
    responses = {"200": {"description": "`a` `<q>`"}}
    operation = {"operationId": "x", "summary": "<s>", "description": "a `<b>` & <i>", "responses": responses}
    document = {
        "info": {"title": "t", "version": "1", "description": "d"},
        "paths": {"/x": {"get": operation}},
        "components": {"schemas": {}},
    }
    text = render_reference(document, "http://t")
    assert "<p>a <code>&lt;b&gt;</code> &amp; &lt;i&gt;</p>" in text
    assert "<code>a</code> <code>&lt;q&gt;</code>" in text
    assert "&lt;s&gt;" in text


async def test_the_contract_is_rendered_once(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes 11 ms of the event loop, and anybody may ask for it; the page names the host that it was asked by."""
    first = {path: (await client.get(path)).content for path in ("/openapi.json", "/docs")}
    monkeypatch.setattr(reference_page, "render_reference", None)
    monkeypatch.setattr(reference_page, "JSONResponse", None)
    assert {path: (await client.get(path)).content for path in first} == first
    assert (await client.head("/openapi.json")).headers["content-length"] == str(len(first["/openapi.json"]))
    other = (await client.get("/docs", headers={"host": "other.example:9000"})).text
    assert "http://other.example:9000/v1/suggestions" in other
