"""Where hashtags of a workspace's own stand in a list."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core.query import Query
from recommend.own_tags import MOST, OwnTags, own_tags

SCORES = st.floats(-10, 10, width=32)


@given(st.lists(SCORES, max_size=20), st.lists(st.floats(2**-7, 5, width=32), max_size=6), SCORES)
def test_each_stands_behind_all_that_have_its_score(scores: list[float], leanings: list[float], base: float) -> None:
    """As many candidates stand before it as have at least its score, whatever their order; nothing else moves."""
    ranked = [(f"tag{place}", score) for place, score in enumerate(scores)]
    falling = sorted(leanings, reverse=True)
    own = OwnTags(base, {f"own{place}": leaning for place, leaning in enumerate(falling)})
    tags = own.among(ranked)
    assert [tag for tag in tags if tag.startswith("tag")] == [tag for tag, _ in ranked]
    assert [tag for tag in tags if tag.startswith("own")] == list(own.leanings)
    for tag, leaning in own.leanings.items():
        before = [one for one in tags[: tags.index(tag)] if one.startswith("tag")]
        assert len(before) == sum(score >= base + leaning for score in scores)


def test_no_more_than_any_answer_holds() -> None:
    """The best of them, most first; equal ones in the order of the alphabet, so that an answer is the same again."""
    liked = {f"own{number:03d}": 1.0 + (number % 7 == 0) for number in range(300)}
    found = own_tags(Query(workspace=liked), {}, lambda _: None, np.array([1.0, 2.0, 9.0], np.float32))
    assert found.base == 2.0
    assert list(found.leanings) == sorted(liked, key=lambda tag: (-liked[tag], tag))[:MOST]
