"""Word2Vec: planted neighbours found, output vectors kept, the same table every time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.errors import DataError
from embeddings.nearest import NearestWords, top_k
from embeddings.pretrained import PretrainedVectors
from embeddings.table import EmbeddingTable
from embeddings.word2vec import PUBLISHED, WHOLE_POST_SKIP_GRAM, Word2VecConfig, fit_word2vec

pytest.importorskip("gensim")
pytestmark = pytest.mark.train

GROUPS = [[f"g{group}t{number}" for number in range(4)] for group in range(4)]
TAGS = [tag for group in GROUPS for tag in group]
WORDS = [*TAGS, "w:the", "w:never"]
QUICK = replace(WHOLE_POST_SKIP_GRAM, dimensions=12, epochs=20)


def posts() -> list[list[str]]:
    """Return posts that take three hashtags of one group and a word that stands everywhere."""
    generator = np.random.default_rng(0)
    drawn = []
    for number in range(600):
        drawn.append([*generator.choice(GROUPS[number % 4], size=3, replace=False).tolist(), "w:the", "unknown"])
    return drawn


def fitted(config: Word2VecConfig = QUICK, start: PretrainedVectors | None = None) -> EmbeddingTable:
    """Return a table trained on the planted posts."""
    return fit_word2vec(posts(), WORDS, len(TAGS), config, start=start)


@pytest.mark.parametrize("scorer", ["cosine", "in_out"])
def test_hashtags_of_one_group_are_nearest(scorer: str) -> None:
    """The three nearest to each hashtag are the others of its group, by both scores."""
    table = fitted()
    ids = [np.array([row]) for row in range(len(TAGS))]
    ranked = top_k(getattr(NearestWords(table), scorer)(ids), 3, ids)
    right = [row // 4 == found // 4 for row, best in enumerate(ranked.ids) for found in best]
    assert np.mean(right) >= 0.95


def test_output_vectors_cover_the_hashtags_alone() -> None:
    """Words can stand in a context and are never predicted; what no post uses is zero."""
    table = fitted()
    assert table.n_outputs == len(TAGS)
    assert np.abs(table.dense_output()).sum(axis=1).min() > 0
    assert not table.take_input(table.ids(["w:never"])).any()
    assert np.exp(table.log_prior).sum() == pytest.approx(1.0, rel=1e-5)


def test_the_same_posts_give_the_same_table() -> None:
    """One worker and one seed: to the last bit."""
    first, again = fitted(), fitted()
    np.testing.assert_array_equal(first.dense_input(), again.dense_input())
    np.testing.assert_array_equal(first.dense_output(), again.dense_output())


def test_pretrained_vectors_are_where_training_begins() -> None:
    """With next to no learning, known words keep the vectors given and others do not get them."""
    known = PretrainedVectors((TAGS[0],), np.full((1, 12), 3.0, dtype=np.float32))
    table = fitted(replace(QUICK, epochs=1, learning_rate=1e-6), known)
    np.testing.assert_allclose(table.dense_input()[0], 3.0, atol=0.01)
    assert np.abs(table.dense_input()[1:]).max() < 1.0


def test_pretrained_vectors_of_other_dimensions_are_refused() -> None:
    """The error says which number to set."""
    known = PretrainedVectors((TAGS[0],), np.ones((1, 5), dtype=np.float32))
    with pytest.raises(DataError, match="5 dimensions"):
        fitted(QUICK, known)


def test_posts_without_company_are_refused() -> None:
    """Single words teach nothing about each other."""
    with pytest.raises(DataError, match="collect more posts"):
        fit_word2vec([["a"], ["b", "unknown"]], ["a", "b"], 2)


def test_the_defaults_are_the_published_numbers() -> None:
    """Where what was measured differs, it has a name of its own."""
    assert Word2VecConfig() == PUBLISHED
    assert (PUBLISHED.dimensions, PUBLISHED.window, PUBLISHED.epochs) == (300, 5, 30)
    assert WHOLE_POST_SKIP_GRAM.sample == 0.0
