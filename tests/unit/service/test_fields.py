"""What is wrong with a field is told in the contract's words."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from service.intake.post import parse_post
from service.problems import Refusal

SENT: list[tuple[dict[str, Any], str]] = [
    ({"limit": 0}, "limit must be at least 1."),
    ({"limit": 101}, "limit must be at most 100."),
    ({"limit": "5"}, "limit must be a whole number."),
    ({"limit": 5.5}, "limit must be a whole number."),
    ({"diversity": "much"}, "diversity must be a number."),
    ({"seeds": "dog"}, "seeds must be a list."),
    ({"seeds": ["a"] * 31}, "seeds must hold at most 30."),
    ({"seeds": [1]}, "seeds[0] must be a string."),
    ({"caption": "x" * 5001}, "caption must have at most 5000 characters."),
    ({"topic": ""}, "topic must not be empty."),
    ({"mix": 5}, "mix must be an object."),
    ({"explain": "no"}, "explain must be true or false."),
    ({"routing": "x"}, "routing must be 'soft', 'hard' or 'global'."),
    ({"image": {"evidence": {}}}, "image.evidence.topics is missing."),
    ({"image": {"evidence": {"topics": {}}}}, "image.evidence.topics must hold at least 1."),
    ({"image": {"evidence": {"topics": []}}}, "image.evidence.topics must be an object."),
    ({"colour": "red"}, "colour is not a known field."),
    ({"limit": 0, "colour": 1}, "limit must be at least 1; colour is not a known field."),
    (dict.fromkeys("abcde", 1), "a is not a known field; b is not a known field; c is not a known field; 2 more"),
]


@pytest.mark.parametrize(("fields", "detail"), SENT)
def test_the_sentence_of_a_problem_says_what_is_wrong(fields: dict[str, Any], detail: str) -> None:
    """A caller who shows nothing else shows enough; the list has each field's part of it."""
    with pytest.raises(Refusal) as caught:
        parse_post(json.dumps({"seeds": ["dog"], **fields}).encode())
    assert caught.value.detail.startswith(detail)
    for one in caught.value.fields:
        assert "input" not in one.message
        assert "valid" not in one.message


async def test_what_is_wrong_in_a_path_or_a_query_string_is_told_alike(client: httpx.AsyncClient) -> None:
    """In one language for all of them."""
    for url, detail in (
        ("/v1/hashtags?limit=x", "limit must be a whole number."),
        ("/v1/hashtags?page=2", "page is not a known field."),
        ("/v1/trending?days=31", "days must be at most 30."),
        ("/v1/sets/-x", "name must match ^[A-Za-z0-9]"),
    ):
        assert (await client.get(url)).json()["detail"].startswith(detail)
