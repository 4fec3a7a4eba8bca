"""The gate: how many are inside, and when a retry makes sense."""

from __future__ import annotations

import pytest

from core.errors import NotReady, Overloaded
from service.engine.inference import LoadGate


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Return the time that it was set to."""
        return self.now


def _serve_one(gate: LoadGate, clock: Clock, seconds: float) -> None:
    with gate.entered():
        clock.now += seconds


def test_one_too_many_is_turned_away_and_leaves_no_trace() -> None:
    """A full gate refuses; a place that is given back is there for the next."""
    gate = LoadGate(1, clock=Clock())
    with gate.entered():
        with pytest.raises(Overloaded), gate.entered():
            pass
        assert gate.n_inside == 1
    with gate.entered():
        assert gate.n_inside == 1


def test_a_failing_request_gives_its_place_back() -> None:
    """Errors do not fill the queue."""
    gate = LoadGate(1, clock=Clock())
    for _ in range(3):
        with pytest.raises(ValueError), gate.entered():
            raise ValueError
    assert gate.n_inside == 0


def test_a_closed_gate_lets_nothing_in() -> None:
    """While draining, requests are told that the service is not ready."""
    gate = LoadGate(1)
    gate.closed = True
    with pytest.raises(NotReady), gate.entered():
        pass


def test_retry_after_follows_the_measured_rate() -> None:
    """Ten inside at two seconds each take twenty seconds to leave."""
    clock = Clock()
    gate = LoadGate(10, clock=clock)
    for _ in range(5):
        _serve_one(gate, clock, 2.0)
    gate.n_inside = 10
    assert gate.retry_after_s() == pytest.approx(20.0)


def test_quiet_hours_do_not_make_the_service_look_slow() -> None:
    """Only busy time counts to the rate."""
    clock = Clock()
    gate = LoadGate(10, clock=clock)
    for _ in range(5):
        _serve_one(gate, clock, 2.0)
        clock.now += 3600.0
    gate.n_inside = 10
    assert gate.retry_after_s() == pytest.approx(20.0)


@pytest.mark.parametrize(("seconds", "told"), [(0.0001, 1.0), (1000.0, 60.0)])
def test_retry_after_stays_between_a_second_and_a_minute(seconds: float, told: float) -> None:
    """Neither a storm of retries nor a client that never comes back."""
    clock = Clock()
    gate = LoadGate(10, clock=clock)
    for _ in range(5):
        _serve_one(gate, clock, seconds)
    gate.n_inside = 10
    assert gate.retry_after_s() == told


def test_before_anything_is_measured_a_second_is_told() -> None:
    """There is an answer from the start."""
    assert LoadGate(1).retry_after_s() == 1.0
