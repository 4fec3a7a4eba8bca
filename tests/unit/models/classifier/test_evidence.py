"""From logits to evidence, against the definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.classifier.evidence import read_logits


@given(st.integers(0, 2**32 - 1), st.floats(0.2, 5), st.floats(0.1, 30))
def test_evidence_equals_its_definition(seed: int, temperature: float, spread: float) -> None:
    """Softmax with temperature, the most probable classes, and the energy, spelt out."""
    rng = np.random.default_rng(seed)
    topics = (rng.normal(size=10) * spread).astype(np.float32)
    classes = (rng.normal(size=1000) * spread).astype(np.float32)
    seen = read_logits(topics, classes, temperature, 20)
    powers = np.exp(topics.astype(float) / temperature - max(topics / temperature))
    assert seen.topics == pytest.approx(powers / powers.sum(), abs=1e-5)
    every = np.exp(classes.astype(float) - max(classes))
    every /= every.sum()
    best = sorted(range(1000), key=lambda number: (-classes[number], number))[:20]
    assert seen.class_ids.tolist() == best
    assert seen.class_probabilities == pytest.approx(every[best], abs=1e-5)
    assert seen.energy == pytest.approx(np.log(np.exp(topics.astype(float) - max(topics)).sum()) + max(topics))


def test_enormous_logits_do_not_overflow() -> None:
    """Certainty is 1, not nan."""
    seen = read_logits(np.array([1e4, -1e4], np.float32), np.full(1000, 1e4, np.float32), 1.0, 3)
    assert seen.topics.tolist() == [1, 0]
    assert seen.class_probabilities.tolist() == pytest.approx([0.001] * 3)
