"""Topics of training posts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import DataError
from core.posts import Post
from pipelines.corpus.topics import read_lexicon, topics_of

TOPICS = ("art", "food", "pets")
LEXICON = {"food": frozenset({"food", "dinner"}), "pets": frozenset({"dog", "dinner"})}


def shares(*hashtags: str, query_tag: str | None = None, topic: str | None = None) -> list[float]:
    """Return the shares of one post."""
    post = Post("one", "walks", "", hashtags, query_tag=query_tag, topic=topic)
    row: list[float] = topics_of([post], TOPICS, LEXICON)[0].tolist()
    return row


def test_a_post_counts_by_the_hashtags_that_mark_each_topic() -> None:
    """One mark one share; a hashtag of two topics marks both; without a mark there is no topic."""
    assert shares("dog", "food", "food2") == [0.0, 0.5, 0.5]
    assert shares("dinner", "dog") == pytest.approx([0.0, 1 / 3, 2 / 3])
    assert shares("sea") == [0.0, 0.0, 0.0]


def test_the_hashtag_a_post_was_found_under_counts_once() -> None:
    """Whether or not it stands among its hashtags."""
    assert shares("dog", "food", query_tag="dog") == shares("dog", "food") == [0.0, 0.5, 0.5]
    assert shares("dog", query_tag="food") == [0.0, 0.5, 0.5]
    assert shares("sea", query_tag="sun") == [0.0, 0.0, 0.0]


def test_a_topic_that_a_person_gave_counts_as_one_hashtag() -> None:
    """Also one that the lexicon does not know; one that the classifier does not know counts for nothing."""
    assert shares("dog", topic="art") == [0.5, 0.0, 0.5]
    assert shares("dog", topic="cars") == [0.0, 0.0, 1.0]


@given(st.lists(st.lists(st.sampled_from(["dog", "food", "dinner", "sea"]), unique=True).map(tuple), max_size=5))
def test_shares_sum_to_1_or_0(posts: list[tuple[str, ...]]) -> None:
    """For any posts, none among them."""
    found = topics_of([Post(str(n), "walks", "", tags) for n, tags in enumerate(posts)], TOPICS, LEXICON)
    assert found.shape == (len(posts), 3)
    for tags, row in zip(posts, found, strict=True):
        assert float(row.sum()) == pytest.approx(1.0 if set(tags) - {"sea"} else 0.0, abs=1e-6)


def test_a_lexicon_is_read_in_normal_form(tmp_path: Path) -> None:
    """What cannot be a hashtag marks nothing."""
    content = {"topics": {"pets": {"seeds": ["#Dog", "ＣＡＴ", "123"]}, "art": {"seeds": []}}}
    (tmp_path / "lexicon.json").write_text(json.dumps(content), encoding="utf-8")
    assert read_lexicon(tmp_path / "lexicon.json").marking == {"pets": frozenset({"dog", "cat"}), "art": frozenset()}


@pytest.mark.parametrize("content", [None, "", "[]", '{"topics": ["pets"]}', '{"topics": {"pets": {"seeds": 3}}}'])
def test_a_file_that_is_no_lexicon_is_refused(tmp_path: Path, content: str | None) -> None:
    """The message says where one is described."""
    if content is not None:
        (tmp_path / "lexicon.json").write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=r"lexicon.json is not a topic lexicon .*docs/data.md"):
        read_lexicon(tmp_path / "lexicon.json")
