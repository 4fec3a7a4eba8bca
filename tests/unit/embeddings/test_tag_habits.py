"""How hashtags are used beside captions."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import BundleCorrupt
from core.text.caption import STOP_WORDS, caption_words
from embeddings.cooccurrence import TokenisedPost
from embeddings.tag_habits import count_habits, open_habits, save_habits, spelt_out

TAGS = ("dog", "newyork", "newyorkcity", "me", "theend", "bestdogtown")
ROW = {tag: row for row, tag in enumerate(TAGS)}
VOCABULARY = ["new", "york", "city", "dog", "me", "the", "end", "best", "town", "🐶", "x"]


def naive_spelt_out(words: list[str]) -> dict[int, tuple[int, int]]:
    """Return the first run of 1 to 4 words for each hashtag, trying every run."""
    found: dict[int, tuple[int, int]] = {}
    for start in range(len(words)):
        for n in range(1, min(4, len(words) - start) + 1):
            run = words[start : start + n]
            edges = {run[0], run[-1]} if n > 1 else {run[0]}
            if "".join(run) in ROW and "🐶" not in run and not edges & STOP_WORDS:
                found.setdefault(ROW["".join(run)], (start, n))
    return found


@given(st.lists(st.sampled_from(VOCABULARY), max_size=9))
def test_spelling_out_equals_trying_every_run(words: list[str]) -> None:
    """Neither stop words alone nor runs that begin or end with one."""
    assert spelt_out(words, ROW) == naive_spelt_out(words)


@given(st.text(max_size=80))
def test_any_caption_can_be_looked_through(caption: str) -> None:
    """Places lie inside it, and the words there spell the hashtag."""
    words = caption_words(caption)
    for row, (start, n) in spelt_out(words, ROW).items():
        assert "".join(words[start : start + n]) == TAGS[row]


def test_several_hashtags_may_share_words() -> None:
    """The longer and the shorter one, by their first place."""
    found = spelt_out(["best", "dog", "town", "dog", "new", "york", "city"], ROW)
    assert {TAGS[row]: place for row, place in found.items()} == {
        "bestdogtown": (0, 3),
        "dog": (1, 1),
        "newyork": (4, 2),
        "newyorkcity": (4, 3),
    }


POSTS = [
    TokenisedPost(("dog", "other"), ("my", "dog", "ran", "dog")),
    TokenisedPost(("newyork",), ("a", "dog", "in", "new", "york")),
    TokenisedPost(("dog",), ("dog", "ran")),
    TokenisedPost(("dog",)),
    TokenisedPost((), ("three", "plain", "words")),
]


def test_habits_count_captioned_posts_once_each() -> None:
    """Short captions are none; a word said twice is said once; said and used needs both."""
    habits = count_habits(POSTS, TAGS)
    assert habits.n_captioned == 3
    dog, new_york = ROW["dog"], ROW["newyork"]
    assert (habits.captioned[dog], habits.said[dog], habits.said_and_used[dog]) == (1, 2, 1)
    assert (habits.captioned[new_york], habits.said[new_york], habits.said_and_used[new_york]) == (1, 1, 1)
    assert habits.said.sum() == 3


def test_habits_read_back_are_the_same(tmp_path: Path) -> None:
    """Every count."""
    habits = count_habits(POSTS, TAGS)
    save_habits(habits, tmp_path / "habits")
    again = open_habits(tmp_path / "habits", len(TAGS))
    assert again.n_captioned == habits.n_captioned
    for name in ("captioned", "said", "said_and_used"):
        assert getattr(again, name).tolist() == getattr(habits, name).tolist()


def test_habits_of_another_vocabulary_are_refused(tmp_path: Path) -> None:
    """Rows would belong to other hashtags."""
    save_habits(count_habits(POSTS, TAGS), tmp_path / "habits")
    with pytest.raises(BundleCorrupt, match="captioned"):
        open_habits(tmp_path / "habits", len(TAGS) + 1)
    (tmp_path / "habits" / "said.npy").write_bytes(b"")
    with pytest.raises(BundleCorrupt, match="said"):
        open_habits(tmp_path / "habits", len(TAGS))
