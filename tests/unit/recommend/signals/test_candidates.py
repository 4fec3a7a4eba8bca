"""Which hashtags are looked at closely."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommend.signals.candidates import TEXT_QUOTAS, best_rows, text_candidates
from recommend.signals.text import NAMES, SignalMaker
from tests.support.tiny_world import TinyWorld, ask

SCORES = st.lists(st.integers(-3, 3).map(float), max_size=12)


@given(scores=SCORES, n=st.integers(0, 15), above=st.sampled_from([-math.inf, -1.0, 0.0, 3.0]))
def test_best_rows_equal_a_plain_sort(scores: list[float], n: int, above: float) -> None:
    """The n highest over the limit; of equal ones at the end those that come first."""
    ranked = sorted(range(len(scores)), key=lambda row: (-scores[row], row))[:n]
    found = best_rows(np.array(scores, dtype=np.float32), n, above=above)
    assert sorted(found) == sorted(row for row in ranked if scores[row] > above)
    assert len(set(found)) == len(found)


def test_quotas_are_of_signals_that_there_are() -> None:
    """And positive."""
    assert set(TEXT_QUOTAS) <= set(NAMES)
    assert min(TEXT_QUOTAS.values()) > 0


@pytest.mark.parametrize("caption", ["golden retriever on the beach", "xqzzt", ""])
def test_all_that_is_said_and_the_best_of_each_signal_are_candidates(tiny_world: TinyWorld, caption: str) -> None:
    """Unknown words still have the context's best."""
    maker = SignalMaker(tiny_world.engine.knowledge)
    signals = maker.signals(ask(caption, ("dog",)))
    chosen = text_candidates(signals)
    assert set(signals.said) <= chosen
    for name in TEXT_QUOTAS:
        if signals.column(name).max() > 0 or name in ("context", "topics"):
            assert int(signals.column(name).argmax()) in chosen
    assert all(0 <= row < len(maker.knowledge.tags) for row in chosen)
