"""Which hashtags become candidates."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommend.signals.base import best_rows
from recommend.signals.text import TEXT_SIGNALS, SignalMaker
from tests.support.tiny_world import TinyWorld, ask

SCORES = st.lists(st.integers(-3, 3).map(float), max_size=12)


@given(scores=SCORES, n=st.integers(0, 15), above=st.sampled_from([-math.inf, -1.0, 0.0, 3.0]))
def test_best_rows_equal_a_plain_sort(scores: list[float], n: int, above: float) -> None:
    """The n highest over the limit; of equal ones at the end those that come first."""
    ranked = sorted(range(len(scores)), key=lambda row: (-scores[row], row))[:n]
    found = best_rows(np.array(scores, dtype=np.float32), n, above=above)
    assert sorted(found) == sorted(row for row in ranked if scores[row] > above)
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("caption", ["golden retriever on the beach", "xqzzt", ""])
def test_all_that_is_said_and_the_best_of_each_signal_are_candidates(tiny_world: TinyWorld, caption: str) -> None:
    """Unknown words still have the context's best."""
    maker = SignalMaker(tiny_world.engine.knowledge)
    signals = maker.signals(ask(caption, ("dog",)))
    chosen = signals.candidates()
    assert set(signals.said) <= chosen
    quotas = {signal.name: signal.quota for signal in TEXT_SIGNALS if signal.quota}
    assert len(quotas) == 9
    assert min(quotas.values()) > 0
    for name in quotas:
        if signals.column(name).max() > 0 or name in ("context", "topics"):
            assert int(signals.column(name).argmax()) in chosen
    assert all(0 <= row < len(maker.knowledge.tags) for row in chosen)
