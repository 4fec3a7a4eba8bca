"""Topics of a query and the mixture of their tables, against softmaxes written out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from core.errors import InvalidOption
from core.query import Options
from recommend.knowledge.opening import Knowledge, TopicOutputs
from recommend.routing import NEGLIGIBLE, Mixture, mixed_log_probability, routed, topic_mixture
from tests.support.tiny_posts import TOPICS
from tests.support.tiny_world import DOG, TinyWorld, ask

Numbers = NDArray[Any]
PARTS = hnp.arrays(np.float32, 3, elements=st.floats(0, 1, width=32))


@pytest.fixture
def knowledge(tiny_world: TinyWorld) -> Knowledge:
    """What the small world knows."""
    return tiny_world.engine.knowledge


def softmax(logits: Numbers) -> Numbers:
    """Return probabilities, in double precision."""
    weights: Numbers = np.exp(logits.astype(np.float64) - logits.max())
    probabilities: Numbers = weights / weights.sum()
    return probabilities


def naive_mixture(knowledge: Knowledge, context: Numbers, shares: Numbers) -> Numbers:
    """Return log of sum over topics of share times softmax of the topic's own whole table."""
    outputs, bias = knowledge.context.outputs.astype(np.float64), knowledge.context.bias.astype(np.float64)
    mixed = (1 - shares.sum()) * softmax(outputs @ context + bias)
    for share, table in zip(shares, knowledge.topic_tables, strict=True):
        own_outputs, own_bias = outputs.copy(), bias.copy()
        own_outputs[table.rows], own_bias[table.rows] = table.outputs, table.bias
        mixed = mixed + share * softmax(own_outputs @ context + own_bias)
    log_p: Numbers = np.log(np.maximum(mixed, 1e-12))
    return log_p


@given(parts=PARTS, seed=st.integers(0, 1000), stretch=st.sampled_from([0.0, 1.0, 4.0]))
def test_mixed_probabilities_equal_softmaxes_written_out(
    tiny_world: TinyWorld, parts: NDArray[np.float32], seed: int, stretch: float
) -> None:
    """For any shares that sum to at most 1 and any context, near or far."""
    knowledge = tiny_world.engine.knowledge
    shares = parts / np.float32(max(1.0, float(parts.sum()) * 1.001))
    context = (np.random.default_rng(seed).normal(size=knowledge.context.dimensions) * stretch).astype(np.float32)
    logits = knowledge.context.logits(context)
    mixed = mixed_log_probability(knowledge, context, logits, shares)
    assert mixed.dtype == np.float32
    np.testing.assert_allclose(mixed, naive_mixture(knowledge, context, shares.astype(np.float64)), atol=2e-4)
    assert float(np.exp(mixed.astype(np.float64)).sum()) == pytest.approx(1.0, abs=1e-3)


def test_a_table_that_moves_all_probability_elsewhere_stays_finite(knowledge: Knowledge) -> None:
    """Every row changed, and the best of the global table far down in the topic's."""
    n_tags = len(knowledge.tags)
    outputs, bias = knowledge.context.outputs, knowledge.context.bias
    far = TopicOutputs(np.arange(n_tags, dtype=np.int32), outputs, bias - np.float32(30))
    moved = replace(knowledge, topic_tables=(far, *knowledge.topic_tables[1:]))
    context = np.zeros(outputs.shape[1], np.float32)
    shares = np.array([1, 0, 0], np.float32)
    mixed = mixed_log_probability(moved, context, moved.context.logits(context), shares)
    np.testing.assert_allclose(mixed, naive_mixture(moved, context, shares), atol=1e-3)


def test_without_shares_the_mixture_is_the_global_table(knowledge: Knowledge) -> None:
    """Routing global, or a text of no topic."""
    context = np.ones(knowledge.context.dimensions, np.float32)
    logits = knowledge.context.logits(context)
    mixed = mixed_log_probability(knowledge, context, logits, np.zeros(len(TOPICS), np.float32))
    np.testing.assert_allclose(mixed, np.log(softmax(logits.astype(np.float64))), atol=1e-4)


def test_the_caller_overrides_the_picture_and_the_picture_the_text(knowledge: Knowledge) -> None:
    """In this order, whatever the others say."""
    context = np.zeros(knowledge.context.dimensions, np.float32)
    given_topic = topic_mixture(knowledge, ask("pasta", image=DOG, options=Options(topic="beach")), context)
    assert (given_topic.origin, given_topic.topics.tolist()) == ("given", [1.0, 0.0, 0.0])
    seen = topic_mixture(knowledge, ask("pasta", image=DOG), context)
    assert seen.origin == "image"
    assert seen.topics.tolist() == DOG.topics.tolist()
    assert topic_mixture(knowledge, ask("pasta"), context).origin == "text"


def test_an_unknown_topic_is_refused(knowledge: Knowledge) -> None:
    """Before anything is computed from it."""
    with pytest.raises(InvalidOption, match="there is no topic 'cars'"):
        topic_mixture(knowledge, ask("pasta", options=Options(topic="cars")), np.zeros(12, np.float32))


def test_a_text_may_be_about_none_of_the_topics(tiny_world: TinyWorld) -> None:
    """The office has no topic, pasta has one; what is missing to 1 is none of them."""
    engine = tiny_world.engine.recommender
    office, pasta = engine.recommend([ask("monday meeting at the office desk"), ask("pasta with creamy sauce")])
    assert sum(p for _, p in office.topics) < 0.3
    assert pasta.topics[0][0] == "food"
    assert sum(p for _, p in pasta.topics) > 0.5


def test_routing_decides_what_of_a_mixture_counts() -> None:
    """All that is not negligible, the best alone, or nothing."""
    mixture = Mixture(np.array([0.3, 0.6, NEGLIGIBLE / 2], np.float32), "text")
    assert routed(mixture, "soft").tolist() == pytest.approx([0.3, 0.6, 0.0])
    assert routed(mixture, "hard").tolist() == [0.0, 1.0, 0.0]
    assert routed(mixture, "global").tolist() == [0.0, 0.0, 0.0]
