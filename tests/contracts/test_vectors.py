"""The contract of ``WordVectors`` over every implementation: whole tables in each row format, and overlays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from embeddings.nearest import NearestWords
from embeddings.overlay import build_delta, open_overlay, save_delta
from embeddings.table import WordVectors, build_table, log_prior_of, open_table, save_table

WORDS = ["dog", "cat", "ring", "gold", "the"]
N_OUTPUTS = 4
GENERATOR = np.random.default_rng(6)
INPUTS, OUTPUTS = GENERATOR.normal(size=(5, 8)), GENERATOR.normal(size=(N_OUTPUTS, 8))
MOVED_INPUTS, MOVED_OUTPUTS = INPUTS.copy(), OUTPUTS.copy()
MOVED_INPUTS[[0, 4]] += 1.0
MOVED_OUTPUTS[1] -= 1.0
PRIOR = log_prior_of(np.array([5, 3, 1, 1]))


def whole(folder: Path, row_format: str) -> WordVectors:
    """Return the moved vectors as a table from disk."""
    save_table(build_table(WORDS, MOVED_INPUTS, MOVED_OUTPUTS, PRIOR), folder, row_format=row_format)  # type: ignore[arg-type]
    return open_table(folder)


def laid_over(folder: Path) -> WordVectors:
    """Return the moved vectors as an int8 overlay from disk on an int8 base."""
    base = build_table(WORDS, INPUTS, OUTPUTS, log_prior_of(np.ones(N_OUTPUTS)), row_format="int8")
    moved = build_delta(base, MOVED_INPUTS, MOVED_OUTPUTS, PRIOR, min_change=0.05, row_format="int8")
    save_delta(moved, folder)
    return open_overlay(base, folder)


@pytest.fixture(params=["int8", "float16", "float32", "overlay"])
def vectors(request: pytest.FixtureRequest, tmp_path: Path) -> WordVectors:
    """Return the same moved vectors, kept in each way there is."""
    return laid_over(tmp_path / "t") if request.param == "overlay" else whole(tmp_path / "t", request.param)


class TestWordVectors:
    """What scoring relies on."""

    def test_sizes_fit_together(self, vectors: WordVectors) -> None:
        """Words, outputs, priors and dimensions tell the same."""
        assert vectors.words == tuple(WORDS)
        assert (vectors.n_outputs, vectors.dimensions, vectors.has_outputs) == (N_OUTPUTS, 8, True)
        assert vectors.log_prior.shape == (N_OUTPUTS,)
        assert vectors.output_bias is None

    def test_known_words_have_rows_and_others_none(self, vectors: WordVectors) -> None:
        """Rows come in the order asked."""
        assert vectors.ids(["the", "never", "dog"]).tolist() == [4, 0]
        assert vectors.ids([]).shape == (0,)

    def test_vectors_are_those_stored(self, vectors: WordVectors) -> None:
        """float32, within a half int8 step of what was given."""
        rows = np.array([4, 0, 2])
        taken = vectors.take_input(rows)
        assert taken.dtype == np.float32
        np.testing.assert_allclose(taken, MOVED_INPUTS[rows], atol=0.02)
        np.testing.assert_allclose(vectors.dense_output(), MOVED_OUTPUTS, atol=0.02)

    def test_what_is_handed_out_is_a_copy(self, vectors: WordVectors) -> None:
        """Writing into an answer changes no later answer."""
        vectors.take_input(np.array([0]))[:] = 99
        vectors.dense_output()[:] = 99
        assert vectors.take_input(np.array([0])).max() < 10
        assert vectors.dense_output().max() < 10

    def test_scores_are_those_of_the_exact_vectors(self, vectors: WordVectors) -> None:
        """Storing small moves in-out probabilities by less than a hundredth."""
        exact = NearestWords(build_table(WORDS, MOVED_INPUTS, MOVED_OUTPUTS, PRIOR))
        contexts = [np.array([0]), np.array([4, 1])]
        np.testing.assert_allclose(NearestWords(vectors).in_out(contexts), exact.in_out(contexts), atol=0.01)
        np.testing.assert_allclose(NearestWords(vectors).cosine(contexts), exact.cosine(contexts), atol=0.01)
