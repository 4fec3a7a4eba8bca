"""Counts: right by hand and by a naive twin, within their limits, and the same from disk."""

from __future__ import annotations

import math
from collections import Counter
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import BundleCorrupt, DataError
from embeddings.cooccurrence import (
    Counts,
    TokenisedPost,
    count_posts,
    distinct_posts,
    open_post_counts,
    save_counts,
    tags_given_seeds,
    tags_given_words,
)

POSTS = [
    TokenisedPost(("dog", "puppy", "cute"), ("my", "puppy")),
    TokenisedPost(("dog", "puppy"), ("my", "my", "walk")),
    TokenisedPost(("dog", "cute", "rare"), ("my", "walk")),
    TokenisedPost(("puppy", "cute"), ("walk",)),
    TokenisedPost(("cute", "dog"), ()),
]


def counts_of(posts: list[TokenisedPost], **limits: int) -> Counts:
    """Return counts with limits that let toy posts through."""
    toy: dict[str, Any] = {"min_posts": 3, "min_authors": 1, "min_cell": 1}
    return count_posts(posts, **(toy | limits))


def dense(matrix: object) -> np.ndarray:
    """Return a count matrix as a dense array."""
    return matrix.to_scipy().toarray()  # type: ignore[attr-defined, no-any-return]


def test_counts_can_be_checked_by_eye() -> None:
    """Vocabulary by use, uses, and both co-occurrences of five posts."""
    counts = counts_of(POSTS)
    assert counts.tags == ("cute", "dog", "puppy")
    assert counts.words == ("my", "walk")
    assert counts.whole.tag_posts.tolist() == [4, 4, 3]
    assert counts.whole.word_posts.tolist() == [3, 3]
    assert dense(counts.whole.tag_tag).tolist() == [[0, 3, 2], [3, 0, 2], [2, 2, 0]]
    assert dense(counts.whole.word_tag).tolist() == [[2, 3, 2], [2, 2, 2]]
    assert counts.whole.tag_tag.count(0, 1) == 3
    assert counts.whole.tag_tag.count(0, 0) == 0


def test_probabilities_can_be_checked_by_eye() -> None:
    """The two conditional probabilities of the plan, on the toy counts."""
    counts = counts_of(POSTS)
    seeds = tags_given_seeds(counts.whole, counts.tag_ids(["dog", "puppy"]))
    np.testing.assert_allclose(seeds, [(3 / 9 + 2 / 8) / 2, 2 / 8 / 2, 2 / 9 / 2], rtol=1e-6)
    words = tags_given_words(counts.whole, counts.word_ids(["walk", "my", "walk", "nothing"]))
    np.testing.assert_allclose(words, [2 / 13, (2 + 3) / 2 / 13, 2 / 13], rtol=1e-6)
    assert math.log(5 / 4) > 0  # both words are rare enough to have a weight


def test_nothing_known_gives_zeros() -> None:
    """Without seeds or words, or with words that everyone uses, no hashtag has a probability."""
    counts = counts_of(POSTS)
    assert not tags_given_seeds(counts.whole, counts.tag_ids(["unknown"])).any()
    assert not tags_given_words(counts.whole, counts.word_ids([])).any()
    everywhere = counts_of([TokenisedPost(("a", "b"), ("the",))] * 3)
    assert not tags_given_words(everywhere.whole, everywhere.word_ids(["the"])).any()


def test_small_cells_are_not_kept() -> None:
    """With the limit of a bundle, what one post alone says is gone."""
    posts = [*POSTS, TokenisedPost(("sun", "dog")), TokenisedPost(("sun", "cute")), TokenisedPost(("sun", "dog"))]
    counts = counts_of(posts, min_cell=2)
    sun, cute, dog = counts.tag_ids(["sun", "cute", "dog"])
    assert counts.whole.tag_tag.count(sun, dog) == 2
    assert counts.whole.tag_tag.count(sun, cute) == 0


def test_a_hashtag_of_too_few_people_is_left_out() -> None:
    """Three posts of one author do not make a word of the vocabulary; three of unknown authors do."""
    own = [TokenisedPost(("brand", "dog"), ("mine",), author="a")] * 3
    others = [TokenisedPost(("dog", "free"), ("ours",), author=None)] * 3
    counts = count_posts([*own, *others], min_posts=3, min_authors=3)
    assert counts.tags == ("dog", "free")
    assert counts.words == ("ours",)


def test_copies_are_found_whatever_the_order_of_hashtags() -> None:
    """Of posts with the same set of hashtags and the same words the first is kept."""
    posts = [
        TokenisedPost(("a", "b"), ("x",), author="1"),
        TokenisedPost(("b", "a"), ("x",), author="2"),
        TokenisedPost(("a", "b"), ("y",)),
        TokenisedPost(("a",), ("x",)),
    ]
    assert distinct_posts(posts) == [0, 2, 3]


def test_topics_count_with_their_weights() -> None:
    """A post that is half a topic's counts half there, and whole in the whole."""
    posts = [TokenisedPost(("dog", "cute"), ("my",))] * 4
    weights = np.array([[1.0, 0.0], [0.5, 0.5], [0.5, 0.5], [1.0, 0.0]])
    counts = count_posts(posts, topics=["pets", "art"], topic_weights=weights, min_authors=1)
    assert counts.whole.tag_posts.tolist() == [4, 4]
    pets, art = counts.by_topic
    assert (pets.n_posts, art.n_posts) == (3, 1)
    assert pets.tag_posts.tolist() == [3, 3]
    assert dense(pets.tag_tag).tolist() == [[0, 3], [3, 0]]
    assert pets.word_posts.tolist() == [3]
    assert art.tag_tag.nnz == 0


def test_weights_of_another_shape_are_refused() -> None:
    """Weights must have a row a post and a column a topic."""
    with pytest.raises(DataError, match="topic weights"):
        count_posts(POSTS, topics=["pets"], topic_weights=np.ones((2, 1)))


def test_too_few_posts_say_so() -> None:
    """When no hashtag reaches the limits there is nothing to learn."""
    with pytest.raises(DataError, match="collect more posts"):
        count_posts(POSTS[:2])


def test_counts_from_disk_are_the_counts(tmp_path: Path) -> None:
    """Everything that was written is read back, by topic too."""
    weights = np.random.default_rng(0).random((len(POSTS), 2))
    counts = count_posts(POSTS, topics=["pets", "a/b"], topic_weights=weights, min_authors=1, min_cell=1)
    save_counts(counts, tmp_path / "counts")
    again = open_post_counts(tmp_path / "counts")
    assert (again.tags, again.words, again.topics) == (counts.tags, counts.words, counts.topics)
    for one, other in zip([counts.whole, *counts.by_topic], [again.whole, *again.by_topic], strict=True):
        assert one.n_posts == other.n_posts
        np.testing.assert_array_equal(one.tag_posts, other.tag_posts)
        np.testing.assert_array_equal(one.word_posts, other.word_posts)
        np.testing.assert_array_equal(dense(one.tag_tag), dense(other.tag_tag))
        np.testing.assert_array_equal(dense(one.word_tag), dense(other.word_tag))


@pytest.mark.parametrize("name", ["whole_tag_tag_indptr", "whole_word_tag_indices"])
def test_cells_outside_the_matrix_are_refused(tmp_path: Path, name: str) -> None:
    """Numbers that would read another row or column's counts are found when opening."""
    save_counts(counts_of(POSTS), tmp_path / "counts")
    path = tmp_path / "counts" / f"{name}.npy"
    array = np.load(path)
    array[-1] = 200
    np.save(path, array)
    with pytest.raises(BundleCorrupt, match="outside"):
        open_post_counts(tmp_path / "counts")


tokens = st.lists(st.sampled_from("abcdef"), max_size=5, unique=True).map(tuple)


@settings(max_examples=60)
@given(st.lists(st.tuples(tokens, st.lists(st.sampled_from("uvwxyz"), max_size=6).map(tuple)), min_size=1, max_size=30))
def test_counts_equal_their_naive_twin(raw: list[tuple[tuple[str, ...], tuple[str, ...]]]) -> None:
    """Sparse products count what loops over posts count."""
    posts = [TokenisedPost(hashtags, words) for hashtags, words in raw]
    uses = Counter(tag for post in posts for tag in post.hashtags)
    if not uses:
        with pytest.raises(DataError):
            counts_of(posts, min_posts=1)
        return
    counts = counts_of(posts, min_posts=1)
    pairs = Counter(pair for post in posts for pair in permutations(post.hashtags, 2))
    crossed = Counter((word, tag) for post in posts for word in set(post.words) for tag in post.hashtags)
    assert list(counts.tags) == sorted(uses, key=lambda tag: (-uses[tag], tag))
    for row, tag in enumerate(counts.tags):
        columns, together = counts.whole.tag_tag.row(row)
        found = {counts.tags[column]: int(n) for column, n in zip(columns, together, strict=True)}
        assert found == {other: n for (one, other), n in pairs.items() if one == tag}
    for row, word in enumerate(counts.words):
        columns, together = counts.whole.word_tag.row(row)
        found = {counts.tags[column]: int(n) for column, n in zip(columns, together, strict=True)}
        assert found == {tag: n for (one, tag), n in crossed.items() if one == word}
