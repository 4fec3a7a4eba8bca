"""Scores over a table: right by a naive twin, stable under ties, the same alone and in a batch."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from core.errors import DataError
from embeddings.nearest import PRIOR_POWER, NearestWords, top_k
from embeddings.table import EmbeddingTable, build_table, log_prior_of


def table(*, outputs: bool = True, bias: bool = False) -> EmbeddingTable:
    """Return twelve words, nine of them hashtags, in four dimensions."""
    generator = np.random.default_rng(8)
    return build_table(
        [f"t{number}" for number in range(12)],
        generator.normal(size=(12, 4)),
        generator.normal(size=(9, 4)) if outputs else None,
        log_prior_of(generator.integers(1, 50, size=9)),
        output_bias=generator.normal(size=9) if bias else None,
    )


def naive_cosine(vectors: EmbeddingTable, context: list[int]) -> list[float]:
    """Return cosines by loops."""
    inputs = vectors.dense_input().astype(float)
    mean = [sum(inputs[word][axis] for word in context) / len(context) for axis in range(inputs.shape[1])]
    scores = []
    for target in range(vectors.n_outputs):
        dot = sum(a * b for a, b in zip(mean, inputs[target], strict=True))
        lengths = math.sqrt(sum(a * a for a in mean)) * math.sqrt(sum(b * b for b in inputs[target]))
        scores.append(dot / lengths)
    return scores


def naive_in_out(vectors: EmbeddingTable, context: list[int]) -> list[float]:
    """Return in-out scores by loops."""
    inputs, outputs = vectors.dense_input().astype(float), vectors.dense_output().astype(float)
    scores = [0.0] * vectors.n_outputs
    for word in context:
        logits = []
        for target in range(vectors.n_outputs):
            dot = sum(a * b for a, b in zip(inputs[word], outputs[target], strict=True))
            bias = 0.0 if vectors.output_bias is None else float(vectors.output_bias[target])
            logits.append(dot + PRIOR_POWER * float(vectors.log_prior[target]) + bias)
        total = sum(math.exp(logit) for logit in logits)
        for target, logit in enumerate(logits):
            scores[target] += math.exp(logit) / total
    return scores


CONTEXTS = [[0], [3, 7], [11, 2, 5, 2]]


def test_cosine_equals_its_naive_twin() -> None:
    """Matrix products give what loops give."""
    vectors = table()
    scores = NearestWords(vectors).cosine([np.array(context) for context in CONTEXTS])
    np.testing.assert_allclose(scores, [naive_cosine(vectors, context) for context in CONTEXTS], atol=1e-6)


@pytest.mark.parametrize("bias", [False, True])
def test_in_out_equals_its_naive_twin(bias: bool) -> None:
    """Softmax over the hashtags for each word of the context, then the sum, with and without biases."""
    vectors = table(bias=bias)
    scores = NearestWords(vectors).in_out([np.array(context) for context in CONTEXTS])
    np.testing.assert_allclose(scores, [naive_in_out(vectors, context) for context in CONTEXTS], atol=1e-6)


def test_each_context_word_brings_a_whole_probability() -> None:
    """In-out scores of a context add up to its number of words."""
    scores = NearestWords(table()).in_out([np.array(context) for context in CONTEXTS])
    np.testing.assert_allclose(scores.sum(axis=1), [1, 2, 4], rtol=1e-5)


@pytest.mark.parametrize("scorer", ["cosine", "in_out"])
def test_a_batch_answers_bit_for_bit_as_each_alone(scorer: str) -> None:
    """One query is one row of a batch, to the last bit."""
    score = getattr(NearestWords(table()), scorer)
    contexts = [np.array(context, dtype=np.int64) for context in [*CONTEXTS, [], [4, 4]]]
    batch = score(contexts)
    for row, context in enumerate(contexts):
        np.testing.assert_array_equal(batch[row], score([context])[0])


@pytest.mark.parametrize("scorer", ["cosine", "in_out"])
def test_an_empty_context_scores_nothing(scorer: str) -> None:
    """Without a known word there is nothing to score by, and no NaN."""
    assert not getattr(NearestWords(table()), scorer)([np.array([], dtype=np.int64)]).any()


def test_in_out_needs_output_vectors() -> None:
    """A table without them says so, and still gives cosines."""
    nearest = NearestWords(table(outputs=False))
    with pytest.raises(DataError, match="output vectors"):
        nearest.in_out([np.array([0])])
    assert nearest.cosine([np.array([0])])[0, 0] == pytest.approx(1.0)


def test_huge_logits_do_not_overflow() -> None:
    """The softmax of very long vectors is still a distribution."""
    vectors = build_table(["a", "b"], np.full((2, 2), 1e3), np.array([[1e3, 0], [0, -1e3]]), np.zeros(2))
    np.testing.assert_allclose(NearestWords(vectors).in_out([np.array([0])]), [[1.0, 0.0]], atol=1e-6)


def test_ties_go_to_the_lower_column() -> None:
    """Equal scores are ordered by column, at the cut too."""
    ranked = top_k(np.array([[1, 2, 2, 2, 0]], dtype=np.float32), 2)
    assert ranked.ids.tolist() == [[1, 2]]


def test_excluded_columns_never_come_back() -> None:
    """Fewer than k are left, and the rest of the row says so."""
    ranked = top_k(np.array([[5, 4, 3]], dtype=np.float32), 3, [np.array([0, 2])])
    assert ranked.ids.tolist() == [[1, -1, -1]]
    assert ranked.scores[0].tolist() == [4.0, -np.inf, -np.inf]


def test_nan_scores_are_a_bug_and_not_an_order() -> None:
    """NaN stops the ranking."""
    with pytest.raises(ValueError, match="NaN"):
        top_k(np.array([[np.nan, 1]], dtype=np.float32), 1)


@given(
    hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 4), st.integers(1, 30)),
        elements=st.sampled_from([-1.0, 0.0, 0.5, 0.5, 2.0]),
    ),
    st.integers(1, 35),
    st.data(),
)
def test_top_k_equals_a_full_stable_sort(scores: np.ndarray, k: int, data: st.DataObject) -> None:
    """Partition and cut give what sorting everything by (score falling, column rising) gives."""
    banned = [data.draw(st.sets(st.integers(0, scores.shape[1] - 1))) for _ in scores]
    ranked = top_k(scores, k, [np.array(sorted(columns), dtype=np.int64) for columns in banned])
    for row, columns in enumerate(banned):
        left = sorted(set(range(scores.shape[1])) - columns, key=lambda column: (-scores[row, column], column))[:k]
        assert ranked.ids[row, : len(left)].tolist() == left
        assert (ranked.ids[row, len(left) :] == -1).all()
