"""Answers of platforms with one part turned into another: posts or an error of the crawl, never a crash."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scraper.errors import CrawlError
from scraper.port import FoundPost
from tests.unit.scraper.test_recorded_answers import CASES, PARSERS

WHOLE = [case for case in CASES if (case / "output.json").exists()]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def paths_in(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of everything inside a JSON value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [here, *(path for key, part in inside for path in paths_in(part, (*here, key)))]


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """Return a JSON value with another part at one path."""
    if not path:
        return new
    value = copy.deepcopy(value)
    part = value
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = new
    return value


@pytest.mark.parametrize("name", sorted(PARSERS))
@settings(max_examples=150)
@given(data=st.data())
def test_an_answer_with_another_part_gives_posts_or_an_error_of_the_crawl(name: str, data: st.DataObject) -> None:
    """A platform changes without notice; what it then sends costs its own page and no other."""
    case = data.draw(st.sampled_from([case for case in WHOLE if case.parent.name == name]))
    answer = json.loads((case / "input.json").read_text(encoding="utf-8"))
    meta = json.loads((case / "meta.json").read_text(encoding="utf-8"))
    answer = changed(answer, data.draw(st.sampled_from(paths_in(answer))), data.draw(VALUES))
    try:
        found = PARSERS[name](answer, meta)
    except CrawlError:
        return
    for post in found if isinstance(found, tuple) else [found]:
        if isinstance(post, FoundPost):
            assert isinstance(post.post_id, str)
            assert isinstance(post.caption, str)
            assert all(isinstance(text, str) for text in (*post.hashtags, *post.pictures))
            assert isinstance(post.author, str | None)
            assert isinstance(post.time, str | None)
            assert isinstance(post.licence, str | None)
