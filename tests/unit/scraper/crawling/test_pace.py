"""How fast a host is asked."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.crawling.pace import Pace, PaceLimits
from scraper.errors import TooManyRequests

LIMITS = PaceLimits(pause_s=3.0, jitter=0.5, first_back_off_s=30.0, longest_wait_s=600.0, refusals=4)


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def pace_of(time: Time, draw: float = 0.0, not_before: dict[str, float] | None = None) -> Pace:
    return Pace(LIMITS, clock=time.clock, sleep=time.sleep, draw=lambda: draw, not_before=not_before)


def test_the_first_request_to_a_host_does_not_wait() -> None:
    """Nobody has been asked anything yet."""
    time = Time()
    pace_of(time).wait("a.example")
    assert time.slept == []


def test_two_requests_to_one_host_are_a_pause_apart_and_other_hosts_are_not_held_up() -> None:
    """The rate is a host's own."""
    time = Time()
    pace = pace_of(time)
    for host in ("a.example", "b.example", "a.example", "a.example"):
        pace.wait(host)
    assert time.slept == [3.0, 3.0]


@given(st.floats(0.0, 1.0, exclude_max=True))
def test_jitter_only_ever_lengthens_a_pause(draw: float) -> None:
    """The rate that was promised is never exceeded."""
    time = Time()
    pace = pace_of(time, draw)
    pace.wait("a.example")
    pace.wait("a.example")
    assert 3.0 <= time.slept[0] <= 4.5


def test_a_longer_pause_that_robots_txt_wishes_for_is_kept() -> None:
    """Crawl-delay wins over our own rate when it is slower, and never makes us faster."""
    time = Time()
    pace = pace_of(time)
    pace.wait("a.example", pause_s=20.0)
    pace.wait("a.example", pause_s=1.0)
    pace.wait("a.example")
    assert time.slept == [20.0, 3.0]


def test_back_off_doubles_until_the_host_answers() -> None:
    """Each refusal in a row is taken more seriously than the one before."""
    time = Time()
    pace = pace_of(time)
    waits = [pace.refused("a.example", None) - time.now for _ in range(3)]
    pace.answered("a.example")
    again = pace.refused("b.example", None) - time.now
    assert waits == [30.0, 60.0, 120.0]
    assert again == 30.0


def test_what_the_host_names_is_what_is_waited() -> None:
    """Retry-After is an instruction."""
    time = Time()
    pace = pace_of(time)
    pace.refused("a.example", 77.0)
    pace.wait("a.example")
    assert time.slept == [77.0]


def test_too_many_refusals_in_a_row_end_the_run_with_what_to_do() -> None:
    """A host that keeps refusing is left alone."""
    pace = pace_of(Time())
    for _ in range(3):
        pace.refused("a.example", 10.0)
    with pytest.raises(TooManyRequests, match="the state is kept"):
        pace.refused("a.example", 10.0)


def test_a_wait_that_is_too_long_is_not_sat_out() -> None:
    """An hour of waiting is a person's decision."""
    with pytest.raises(TooManyRequests, match="60 min"):
        pace_of(Time()).refused("a.example", 3_600.0)


def test_what_a_host_asked_for_holds_after_a_restart() -> None:
    """A kill is no way around Retry-After."""
    time = Time()
    pace_of(time, not_before={"a.example": time.now + 50.0}).wait("a.example")
    assert time.slept == [50.0]
    with pytest.raises(TooManyRequests, match="a.example"):
        pace_of(time, not_before={"a.example": time.now + 5_000.0}).wait("a.example")


@given(st.lists(st.sampled_from(["ask", "refuse"]), max_size=30), st.floats(0.0, 0.99))
def test_requests_are_never_closer_than_the_pause(course: list[str], draw: float) -> None:
    """Whatever happens in between, two starts lie at least a pause apart."""
    time = Time()
    pace = pace_of(time, draw)
    starts = []
    for step in course:
        if step == "refuse":
            pace.answered("a.example")
            pace.refused("a.example", 1.0)
        else:
            pace.wait("a.example")
            starts.append(time.now)
    assert all(later - earlier >= 3.0 - 1e-6 for earlier, later in itertools.pairwise(starts))
