"""GloVe: counts, loss and gradients right by naive twins; planted structure found."""

from __future__ import annotations

import math
from collections import defaultdict
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import DataError, StorageError
from embeddings.glove import GloveConfig, GloveParameters, fit_glove, glove_table, loss_and_gradients
from embeddings.glove_pairs import PairFile, count_pairs
from embeddings.nearest import NearestWords, top_k, unit_rows
from embeddings.pretrained import PretrainedVectors


def pairs_in(path: Path, n_pairs: int, n_words: int) -> dict[tuple[int, int], float]:
    """Return the records of a pair file."""
    rows, columns, weights = PairFile(path, n_words, n_pairs).read(0, n_pairs)
    return {(int(i), int(j)): float(x) for i, j, x in zip(rows, columns, weights, strict=True)}


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 6), max_size=8), max_size=12),
    st.sampled_from([None, 1, 2, 5]),
    st.sampled_from([1, 7, 1000]),
)
def test_pairs_from_disk_equal_pairs_in_memory(
    tmp_path_factory: pytest.TempPathFactory, posts: list[list[int]], window: int | None, chunk: int
) -> None:
    """However small the chunks, the merged file holds each ordered pair once with its whole weight."""
    expected: dict[tuple[int, int], float] = defaultdict(float)
    for post in posts:
        for (i, word), (j, later) in combinations(enumerate(post), 2):
            if word != later and (window is None or j - i <= window):
                weight = 1.0 if window is None else 1.0 / (j - i)
                expected[word, later] += weight
                expected[later, word] += weight
    path = tmp_path_factory.mktemp("pairs") / "pairs.bin"
    if not expected:
        with pytest.raises(DataError, match="collect more posts"):
            count_pairs(posts, 7, path, window=window, chunk_pairs=chunk)
        return
    found = count_pairs(posts, 7, path, window=window, chunk_pairs=chunk)
    assert found.n_pairs == len(expected)
    assert pairs_in(path, found.n_pairs, 7) == pytest.approx(dict(expected), rel=1e-5)
    assert [entry.name for entry in path.parent.iterdir()] == ["pairs.bin"]


def test_rare_pairs_can_be_left_out(tmp_path: Path) -> None:
    """A pair is kept by its whole weight, over all posts and chunks."""
    posts = [[0, 1], [0, 1], [1, 2]]
    found = count_pairs(posts, 3, tmp_path / "pairs.bin", window=None, min_weight=2.0, chunk_pairs=1)
    assert pairs_in(tmp_path / "pairs.bin", found.n_pairs, 3) == {(0, 1): 2.0, (1, 0): 2.0}
    with pytest.raises(DataError, match="weight of 3"):
        count_pairs(posts, 3, tmp_path / "none.bin", window=None, min_weight=3.0)


def test_near_words_weigh_more_in_a_window(tmp_path: Path) -> None:
    """A window weighs by distance, the whole post does not, and a word is no company for itself."""
    near = count_pairs([[1, 2, 1, 3]], 4, tmp_path / "near.bin", window=2)
    forward = {(1, 2): 2.0, (2, 3): 0.5, (1, 3): 1.0}
    both = forward | {(later, word): weight for (word, later), weight in forward.items()}
    assert pairs_in(tmp_path / "near.bin", near.n_pairs, 4) == both
    whole = count_pairs([[1, 2, 3]], 4, tmp_path / "whole.bin", window=None)
    assert pairs_in(tmp_path / "whole.bin", whole.n_pairs, 4) == {
        (word, later): 1.0 for word in (1, 2, 3) for later in (1, 2, 3) if word != later
    }


def test_pairs_do_not_stand_in_the_order_of_words(tmp_path: Path) -> None:
    """A batch of neighbours in the file holds many different words."""
    found = count_pairs([list(range(60))], 60, tmp_path / "pairs.bin", window=None)
    rows, _, _ = found.read(0, 120)
    assert len(set(rows.tolist())) > 30


def test_a_place_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    """A file where the folder should be is an error that names the path."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"pairs\.bin"):
        count_pairs([[0, 1]], 2, tmp_path / "file" / "pairs.bin", window=None)


X_MAX, ALPHA = 10.0, 0.75


def batch() -> tuple[GloveParameters, np.ndarray, np.ndarray, np.ndarray]:
    """Return parameters of five words in three dimensions, and eight pairs with words that repeat."""
    generator = np.random.default_rng(2)
    parameters = GloveParameters(
        generator.normal(size=(5, 4)).astype(np.float32), generator.normal(size=(5, 4)).astype(np.float32)
    )
    rows = np.array([0, 0, 1, 2, 2, 4, 0, 4], dtype=np.int32)
    columns = np.array([1, 2, 0, 0, 4, 2, 4, 0], dtype=np.int32)
    weights = np.array([1, 2.5, 1, 30, 4, 4, 12, 0.5], dtype=np.float32)
    return parameters, rows, columns, weights


def naive_loss(
    main: np.ndarray, context: np.ndarray, rows: np.ndarray, columns: np.ndarray, weights: np.ndarray
) -> float:
    """Return J by loops in double precision."""
    total = 0.0
    for i, j, x in zip(rows.tolist(), columns.tolist(), weights.tolist(), strict=True):
        fit = sum(float(a) * float(b) for a, b in zip(main[i][:-1], context[j][:-1], strict=True))
        error = fit + float(main[i][-1]) + float(context[j][-1]) - math.log(x)
        total += 0.5 * min(1.0, (x / X_MAX) ** ALPHA) * error * error
    return total


def test_the_loss_equals_its_naive_twin() -> None:
    """Matrices give J as loops do."""
    parameters, *pairs = batch()
    loss, _ = loss_and_gradients(parameters, *pairs, x_max=X_MAX, alpha=ALPHA)
    assert loss == pytest.approx(naive_loss(parameters.main, parameters.context, *pairs), rel=1e-5)


def test_gradients_equal_finite_differences() -> None:
    """Every coordinate of every word, vectors and biases, on both sides."""
    parameters, *pairs = batch()
    _, gradients = loss_and_gradients(parameters, *pairs, x_max=X_MAX, alpha=ALPHA)
    sides = [parameters.main.astype(float), parameters.context.astype(float)]
    step = 1e-5
    for side, (words, gradient) in enumerate(gradients):
        expected = np.zeros((5, 4))
        for index in np.ndindex(5, 4):
            values = []
            for sign in (1, -1):
                moved = [side_values.copy() for side_values in sides]
                moved[side][index] += sign * step
                values.append(naive_loss(moved[0], moved[1], *pairs))
            expected[index] = (values[0] - values[1]) / (2 * step)
        whole = np.zeros((5, 4))
        whole[words] = gradient
        np.testing.assert_allclose(whole, expected, rtol=2e-3, atol=2e-4)


def planted_posts() -> list[list[int]]:
    """Return posts of eight words w(role, kind): each stands with signs of its role and of its kind.

    Words 0 to 7 are role * 2 + kind; 8 to 19 are signs of the four roles, 20 to 25 of the two kinds, and 26 to 35
    stand anywhere.
    """
    generator = np.random.default_rng(4)
    posts = []
    for _ in range(4000):
        role, kind = int(generator.integers(4)), int(generator.integers(2))
        roles = 8 + 3 * role + generator.choice(3, size=2, replace=False)
        kinds = 20 + 3 * kind + generator.choice(3, size=2, replace=False)
        noise = 26 + generator.choice(10, size=2, replace=False)
        posts.append([role * 2 + kind, *roles.tolist(), *kinds.tolist(), *noise.tolist()])
    return posts


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[GloveParameters, list[float]]:
    """Return GloVe fitted to the planted posts."""
    pairs = count_pairs(planted_posts(), 36, tmp_path_factory.mktemp("glove") / "pairs.bin", window=None)
    return fit_glove(pairs, GloveConfig(dimensions=10, epochs=150, batch_pairs=64, seed=1))


def test_the_loss_falls(planted: tuple[GloveParameters, list[float]]) -> None:
    """Training ends with a small part of the loss that it began with."""
    _, history = planted
    assert history[-1] < 0.1 * history[0]


def test_signs_of_one_role_are_neighbours(planted: tuple[GloveParameters, list[float]]) -> None:
    """The two nearest to each sign of a role are other signs or words of that role."""
    table = glove_table(planted[0], [f"w{number}" for number in range(36)], np.ones(36, dtype=np.int64))
    nearest = NearestWords(table)
    signs = list(range(8, 20))
    ranked = top_k(nearest.cosine([np.array([sign]) for sign in signs]), 2, [np.array([sign]) for sign in signs])
    role_of = [*np.repeat(range(4), 2), *np.repeat(range(4), 3), *[-1] * 16]
    right = [role_of[sign] == role_of[found] for sign, row in zip(signs, ranked.ids, strict=True) for found in row]
    assert np.mean(right) >= 0.9


def test_planted_analogies_are_found(planted: tuple[GloveParameters, list[float]]) -> None:
    """w(a, 0) is to w(a, 1) as w(b, 0) is to w(b, 1), for nearly every pair of roles."""
    vectors = unit_rows(planted[0].main[:8, :-1] + planted[0].context[:8, :-1])
    right = []
    for a in range(4):
        for b in range(4):
            if a != b:
                cosines = vectors @ (vectors[2 * a + 1] - vectors[2 * a] + vectors[2 * b])
                cosines[[2 * a, 2 * a + 1, 2 * b]] = -np.inf
                right.append(int(cosines.argmax()) == 2 * b + 1)
    assert np.mean(right) >= 0.9


def test_the_same_seed_gives_the_same_vectors(tmp_path: Path) -> None:
    """Training is reproducible to the last bit, and another seed is another start."""
    pairs = count_pairs(planted_posts()[:200], 36, tmp_path / "pairs.bin", window=5)
    first, again, other = (
        fit_glove(pairs, GloveConfig(dimensions=4, epochs=2, batch_pairs=64, seed=seed))[0] for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first.main, again.main)
    assert (first.main != other.main).any()


def test_pretrained_vectors_are_where_training_begins(tmp_path: Path) -> None:
    """Known words start from the vectors given; other dimensions are refused."""
    pairs = count_pairs([[0, 1], [1, 2]], 3, tmp_path / "pairs.bin", window=None)
    known = PretrainedVectors(("b",), np.array([[4.0, -4.0]], dtype=np.float32))
    still = GloveConfig(dimensions=2, epochs=1, learning_rate=1e-9)
    parameters, _ = fit_glove(pairs, still, start=(["a", "b", "c"], known))
    table = glove_table(parameters, ["a", "b", "c"], np.ones(3, dtype=np.int64))
    np.testing.assert_allclose(table.dense_input()[1], [4.0, -4.0], atol=1e-5)
    assert np.abs(table.dense_input()[0]).max() < 1
    with pytest.raises(DataError, match="dimensions"):
        fit_glove(pairs, GloveConfig(dimensions=3), start=(["a", "b", "c"], known))
