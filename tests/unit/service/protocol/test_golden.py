"""The contract does not change unnoticed, and every example in it is one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from service.problems import KINDS
from tests.golden.contract import GOLDEN, contract

Document = dict[str, Any]


@pytest.fixture(scope="module")
def document() -> Document:
    """The contract as it is."""
    return contract()


def _responses(document: Document) -> Iterator[tuple[str, str, Document]]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for status, response in operation["responses"].items():
                yield f"{method} {path}", status, response


def _validator(document: Document, schema: Document) -> Draft202012Validator:
    # References are to the whole document.
    return Draft202012Validator({**schema, "components": document["components"]})


def test_the_contract_is_the_golden_copy(document: Document) -> None:
    """A change that is meant: `make golden`, and the diff goes into the commit."""
    assert json.loads(GOLDEN.read_text(encoding="utf-8")) == document, "run `make golden` and read the diff"


def test_every_answer_with_a_body_has_an_example(document: Document) -> None:
    """Each call's success, and each of its problems."""
    lacking = [
        (call, status, kind)
        for call, status, response in _responses(document)
        for kind, content in response.get("content", {}).items()
        if "example" not in content and "examples" not in content
    ]
    assert not lacking


def test_every_example_fits_its_schema(document: Document) -> None:
    """Of answers, of problems and of requests."""
    n_examples = 0
    for call, status, response in _responses(document):
        for kind, content in response.get("content", {}).items():
            examples = [content["example"]] if "example" in content else []
            examples += [one["value"] for one in content.get("examples", {}).values()]
            for example in examples:
                n_examples += 1
                errors = [error.message for error in _validator(document, content["schema"]).iter_errors(example)]
                assert not errors, (call, status, kind)
    for name, schema in document["components"]["schemas"].items():
        for example in schema.get("examples", ()):
            n_examples += 1
            assert _validator(document, schema).is_valid(example), name
    assert n_examples > 100


def test_every_code_has_an_example(document: Document) -> None:
    """Whether one call gives it, any, or the server before there is a call."""
    examples = {
        code: one["content"]["application/problem+json"]["examples"][code]["value"]
        for code, one in document["components"]["responses"].items()
    }
    assert {code: example["status"] for code, example in examples.items()} == {
        code: kind.status for code, kind in KINDS.items()
    }


def test_links_lead_to_calls_that_are_there(document: Document) -> None:
    """Under the names that the calls have."""
    names = {operation["operationId"] for path in document["paths"].values() for operation in path.values()}
    links = [link for _, _, response in _responses(document) for link in response.get("links", {}).values()]
    assert len(links) >= 8
    assert {link["operationId"] for link in links} <= names
