"""What feedback is worth: bounded, smoothed, fading, and without a trace once it is gone."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from recommend.workspace import BOUND, HALF_LIFE_DAYS, HORIZON_DAYS, VERDICTS, WEIGHTS, Event, adjustments

EVENTS = st.lists(
    st.tuples(st.sampled_from(["dog", "cat", "art"]), st.sampled_from(VERDICTS), st.integers(0, HORIZON_DAYS + 5)),
    max_size=40,
)


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
