"""Tables of the published methods: trained once per corpus, kept, and trained again when what was kept is broken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from embeddings.cooccurrence import TokenisedPost
from pipelines.evaluation.contenders import published_tables
from recommend.baselines.method import Corpus, build_corpus

pytest.importorskip("gensim")
pytestmark = pytest.mark.train


def corpus(n_posts: int = 12) -> Corpus:
    """Return a few posts of dogs and of pizza."""
    posts = []
    for number in range(n_posts):
        posts.append(TokenisedPost(("dog", "puppy", "cute", f"d{number}"), ("my", "puppy")))
        posts.append(TokenisedPost(("pizza", "cheese", f"p{number}"), ("my", "dinner")))
    return build_corpus(posts)


def test_tables_are_trained_once_per_corpus(tmp_path: Path) -> None:
    """The second time the same tables are found, and another corpus gets its own."""
    notes: list[str] = []
    first = published_tables(corpus(), tmp_path, notes.append)
    assert len(notes) == len(first) == 2
    again = published_tables(corpus(), tmp_path, notes.append)
    assert len(notes) == 2
    for name, table in first.items():
        np.testing.assert_array_equal(table.dense_input(), again[name].dense_input())
    published_tables(corpus(13), tmp_path, notes.append)
    assert len(notes) == 4


def test_a_broken_table_is_trained_again(tmp_path: Path) -> None:
    """A cache that was cut short costs time and nothing else."""
    published_tables(corpus(), tmp_path, lambda message: None)
    for path in tmp_path.glob("*/words.json"):
        path.write_text("[")
    notes: list[str] = []
    tables = published_tables(corpus(), tmp_path, notes.append)
    assert len(notes) == 2
    assert all(table.words[:3] == ("cheese", "cute", "dog") for table in tables.values())


def test_word2vec_keeps_outputs_and_glove_has_none(tmp_path: Path) -> None:
    """The first is scored in both ways, the second by cosine alone."""
    tables = published_tables(corpus(), tmp_path, lambda message: None)
    assert {name: table.has_outputs for name, table in tables.items()} == {
        "Word2Vec as published": True,
        "GloVe": False,
    }
