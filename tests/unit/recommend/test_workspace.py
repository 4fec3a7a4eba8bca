"""What feedback is worth, bounded, smoothed and fading, and where a workspace's own hashtags stand."""

from __future__ import annotations

import random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core.query import Query
from recommend.workspace import (
    BOUND,
    HALF_LIFE_DAYS,
    HORIZON_DAYS,
    MOST_OWN_TAGS,
    WEIGHTS,
    Event,
    OwnTags,
    adjustments,
    own_tags,
)

EVENTS = st.lists(
    st.tuples(st.sampled_from(["dog", "cat", "art"]), st.sampled_from(list(WEIGHTS)), st.integers(0, HORIZON_DAYS + 5)),
    max_size=40,
)
SCORES = st.floats(-10, 10, width=32)


def test_one_click_moves_a_little_and_a_habit_far() -> None:
    """Up for what is used, down for what is not wanted; never past the bound."""
    once = adjustments([("dog", "accepted", 0)])["dog"]
    often = adjustments([("dog", "accepted", 0)] * 50)["dog"]
    assert 0 < once < often < BOUND
    assert once < BOUND / 2
    assert adjustments([("dog", "rejected", 0)])["dog"] < 0
    assert adjustments([("dog", "added", 0)])["dog"] == once * WEIGHTS["added"] / WEIGHTS["accepted"]


def test_half_of_it_is_left_after_a_half_life() -> None:
    """Two old opinions weigh as much as a new one, and beyond the horizon none does."""
    assert adjustments([("dog", "accepted", HALF_LIFE_DAYS)] * 2) == adjustments([("dog", "accepted", 0)])
    assert adjustments([("dog", "accepted", HORIZON_DAYS + 1)]) == {}


@given(events=EVENTS, seed=st.integers(0, 1000))
def test_the_order_of_feedback_does_not_matter(events: list[Event], seed: int) -> None:
    """To the last digit: two workers that read rows in another order answer alike."""
    shuffled = events[:]
    random.Random(seed).shuffle(shuffled)
    assert adjustments(shuffled) == adjustments(events)


@given(events=EVENTS)
def test_any_feedback_stays_within_bounds(events: list[Event]) -> None:
    """And speaks of nothing that nobody spoke of."""
    found = adjustments(events)
    assert all(0 < abs(value) < BOUND for value in found.values())
    assert set(found) <= {tag for tag, _, _ in events}


@given(events=EVENTS, more=EVENTS)
def test_what_is_undone_leaves_no_trace(events: list[Event], more: list[Event]) -> None:
    """Values follow from what is there, so taking the rest away gives what was before."""
    assert adjustments([*events, *more][: len(events)]) == adjustments(events)


@given(st.lists(SCORES, max_size=20), st.lists(st.floats(2**-7, 5, width=32), max_size=6), SCORES)
def test_each_stands_behind_all_that_have_its_score(scores: list[float], leanings: list[float], base: float) -> None:
    """As many candidates stand before it as have at least its score, whatever their order; nothing else moves."""
    ranked = [f"tag{number}" for number in range(len(scores))]
    falling = sorted(leanings, reverse=True)
    own = OwnTags(base, {f"own{number}": leaning for number, leaning in enumerate(falling)})
    tags = own.among(ranked, np.array(scores, np.float32))
    assert [tag for tag in tags if tag.startswith("tag")] == ranked
    assert [tag for tag in tags if tag.startswith("own")] == list(own.leanings)
    for tag, leaning in own.leanings.items():
        before = [other for other in tags[: tags.index(tag)] if other.startswith("tag")]
        assert len(before) == sum(score >= base + leaning for score in scores)


def test_no_more_than_any_answer_holds() -> None:
    """The best of them, most first; equal ones in the order of the alphabet, so that an answer is the same again."""
    liked = {f"own{number:03d}": 1.0 + (number % 7 == 0) for number in range(300)}
    found = own_tags(Query(workspace=liked), {}, lambda _: None, np.array([1.0, 2.0, 9.0], np.float32))
    assert found.base == 2.0
    assert list(found.leanings) == sorted(liked, key=lambda tag: (-liked[tag], tag))[:MOST_OWN_TAGS]
