"""Context vectors and hashtag scores, against sums written out."""

from __future__ import annotations

import math
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embeddings.context import GRAM, TOPIC, WORD, ContextEmbedding, gram_buckets, join, log_softmax
from embeddings.table import EmbeddingTable, build_table, log_prior_of

TAGS, WORDS, TOPICS, N_BUCKETS, D = ("dog", "cat", "sea"), ("dog", "walk"), ("pets",), 7, 5
CHANCE = np.random.default_rng(3)
N_ROWS = len(TAGS) + len(WORDS) + len(TOPICS) + N_BUCKETS
INPUTS = CHANCE.normal(size=(N_ROWS, D)).astype(np.float32)
OUTPUTS, BIAS = CHANCE.normal(size=(3, D)).astype(np.float32), CHANCE.normal(size=3).astype(np.float32)
FIRST_BUCKET = N_ROWS - N_BUCKETS


def table(n_buckets: int = N_BUCKETS, *, biased: bool = True) -> EmbeddingTable:
    """Return a table as the module describes it."""
    names = [
        *TAGS,
        *(WORD + w for w in WORDS),
        *(TOPIC + t for t in TOPICS),
        *(f"{GRAM}{n}" for n in range(n_buckets)),
    ]
    prior = log_prior_of(np.ones(3))
    return build_table(names, INPUTS[: len(names)], OUTPUTS, prior, output_bias=BIAS if biased else None)


def naive_buckets(token: str) -> list[int]:
    """Return the bucket of every 3- to 5-gram of the framed token."""
    framed = f"<{token}>"
    grams = [framed[a:b] for a in range(len(framed)) for b in range(a + 3, a + 6) if b <= len(framed)]
    return [zlib.crc32(gram.encode("utf-8", "surrogatepass")) % N_BUCKETS for gram in grams]


@given(st.text(max_size=15))
def test_buckets_are_those_of_all_grams(token: str) -> None:
    """Of any text, with repetitions."""
    assert sorted(gram_buckets(token, N_BUCKETS).tolist()) == sorted(naive_buckets(token))


def test_hashtags_and_words_of_one_spelling_have_rows_of_their_own() -> None:
    """#dog and dog are two tokens."""
    embedding = ContextEmbedding(table())
    assert embedding.tag_vectors(["dog", "sea"]).tolist() == INPUTS[[0, 2]].tolist()
    assert embedding.word_vectors(["walk", "dog"]).tolist() == INPUTS[[4, 3]].tolist()
    assert (embedding.tag_vectors([]).shape, embedding.dimensions) == ((0, D), D)


@given(st.text(min_size=1, max_size=12))
def test_what_was_never_seen_is_the_mean_of_its_grams(token: str) -> None:
    """Alike for a hashtag and a word."""
    if token in (*TAGS, *WORDS):
        return
    embedding = ContextEmbedding(table())
    wanted = np.mean([INPUTS[FIRST_BUCKET + bucket] for bucket in naive_buckets(token)], axis=0)
    np.testing.assert_allclose(embedding.tag_vectors([token])[0], wanted, atol=1e-5)
    np.testing.assert_allclose(embedding.word_vectors(["walk", token])[1], wanted, atol=1e-5)


def test_without_grams_what_was_never_seen_says_nothing() -> None:
    """A row of zeros."""
    assert not ContextEmbedding(table(0)).tag_vectors(["walrus"]).any()


def test_topics_are_weighted_by_probability() -> None:
    """Unknown ones bring nothing."""
    embedding = ContextEmbedding(table())
    np.testing.assert_allclose(embedding.topic_vector({"pets": 0.25, "cars": 0.75}), 0.25 * INPUTS[5], atol=1e-6)
    assert not embedding.topic_vector({}).any()


@given(st.integers(0, 4), st.integers(0, 4))
def test_a_context_is_the_sum_over_the_root_of_the_number(n_words: int, n_tags: int) -> None:
    """Zeros where there is nothing."""
    words, tags = CHANCE.normal(size=(n_words, D)), CHANCE.normal(size=(n_tags, D))
    wanted = [
        (sum(float(row[d]) for row in words) + sum(float(row[d]) for row in tags)) / math.sqrt(max(1, n_words + n_tags))
        for d in range(D)
    ]
    assert join(words.astype(np.float32), tags.astype(np.float32)).tolist() == pytest.approx(wanted, abs=1e-5)


def test_logits_are_products_plus_bias() -> None:
    """Without biases the products alone."""
    context = CHANCE.normal(size=D).astype(np.float32)
    wanted = [sum(float(o * x) for o, x in zip(row, context, strict=True)) for row in OUTPUTS]
    biased, plain = ContextEmbedding(table()), ContextEmbedding(table(biased=False))
    assert plain.logits(context).tolist() == pytest.approx(wanted, abs=1e-5)
    assert biased.logits(context).tolist() == pytest.approx(
        [w + b for w, b in zip(wanted, BIAS, strict=True)], abs=1e-5
    )
    assert not plain.bias.any()
    assert biased.outputs.shape == (3, D)


@given(st.lists(st.floats(-500, 500), min_size=1, max_size=8))
def test_log_softmax_is_that_of_the_definition(logits: list[float]) -> None:
    """However large."""
    largest = max(logits)
    normaliser = largest + math.log(sum(math.exp(one - largest) for one in logits))
    found = log_softmax(np.array(logits, dtype=np.float32))
    assert found.tolist() == pytest.approx([one - normaliser for one in logits], abs=1e-3)
