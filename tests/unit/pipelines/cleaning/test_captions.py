"""Captions lose what cannot be seen and emoticons, and nothing else."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.text.caption import caption_words
from core.text.hashtags import extract
from pipelines.cleaning.captions import tidy_caption

PIECES = st.sampled_from(
    [
        "sun",
        "#sea",
        " ",
        "  ",
        "\n",
        "\r\n",
        "\u200b",
        "\u200d",
        "\ufe0f",
        "👩",
        "🏻",
        ":)",
        ":D",
        "<3",
        "xD",
        "é",
        "e\u0301",
        "(",
        ")",
        "🇩🇪",
        "ツ",
    ]
)


@pytest.mark.parametrize(
    ("caption", "tidied"),
    [
        ("a walk :) by the sea :-D", "a walk by the sea"),
        ("so happy <3 xD ^_^ T_T", "so happy"),
        ("who knows ¯\\_(ツ)_/¯", "who knows"),
        ("sea\u200bside\ufeff", "seaside"),
        ("soft\u00adware \u2063", "software"),
        ("\u2800\u2800walk", "walk"),
        ("one   two\t three", "one two three"),
        ("one \n\n\n\n two\r\nthree", "one\n\ntwo\nthree"),
        ("Cafe\u0301", "Café"),
    ],
)
def test_what_is_no_word_goes(caption: str, tidied: str) -> None:
    """Letters of emoticons are no words, and zero-width characters tell equal captions apart."""
    assert tidy_caption(caption, keep_emoji=True)[0] == tidied


@pytest.mark.parametrize(
    "caption",
    [
        "👩\u200d👩\u200d👧 at the sea ❤️",
        "می\u200cخواهم",
        "at 12:30 (or so), a/b, 8) and #xD",
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "see: (this) = that",
        "ratio 3:0",
        "北京 大阪",
        "1️⃣ first",
    ],
)
def test_what_belongs_to_a_text_stays(caption: str) -> None:
    """Joiners stay where they join, and punctuation where it is punctuation."""
    assert tidy_caption(caption, keep_emoji=True) == (caption, False, False)


def test_emoji_go_where_they_are_not_wanted() -> None:
    """The published systems took them out; here that is a choice."""
    assert tidy_caption("sea 🌊 and 👩🏻\u200d🍳 🇩🇪", keep_emoji=False) == ("sea and", False, True)


def test_what_went_is_told() -> None:
    """Invisible characters and emoticons are counted apart."""
    assert tidy_caption("a\u200bb", keep_emoji=True)[1:] == (True, False)
    assert tidy_caption("a :)", keep_emoji=True)[1:] == (False, True)
    assert tidy_caption("a  b", keep_emoji=True)[1:] == (False, False)


@given(st.text(max_size=80) | st.lists(PIECES, max_size=14).map("".join), st.booleans())
def test_tidying_twice_changes_nothing(caption: str, keep_emoji: bool) -> None:
    """A clean corpus is clean."""
    once = tidy_caption(caption, keep_emoji=keep_emoji)[0]
    assert tidy_caption(once, keep_emoji=keep_emoji) == (once, False, False)
    assert unicodedata.is_normalized("NFC", once)


@given(st.lists(st.from_regex(r"#?[a-z]{2,8}", fullmatch=True), min_size=1, max_size=12))
def test_words_and_hashtags_are_never_touched(words: list[str]) -> None:
    """What is learnt from is all there afterwards."""
    caption = " :) ".join(words)
    tidied = tidy_caption(caption, keep_emoji=True)[0]
    assert extract(tidied) == extract(" ".join(words))
    assert caption_words(tidied) == caption_words(" ".join(words))
