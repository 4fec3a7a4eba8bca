"""The normal form of hashtags, and where they stand in a text."""

from __future__ import annotations

import itertools

import pytest
import regex
from hypothesis import example, given
from hypothesis import strategies as st

from core.text.hashtags import MAX_LENGTH, extract, hashtag_spans, normalise, why_not

# Every code point, lone surrogates too, with the awkward ones made likely.
WILD = st.text(
    st.one_of(st.characters(), st.sampled_from("#＃﹟&_·・\u200d\u200c\ufe0f\u20e3\u3164İßǅ㌀ﷺ❤1a\ud800 \n/.:@")),
    max_size=60,
)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("dog", "dog"),
        ("#Dog", "dog"),
        ("＃ＤＯＧ", "dog"),
        ("  ##dog\n", "dog"),
        ("Straße", "strasse"),
        ("new_york_2026", "new_york_2026"),
        ("1st", "1st"),
        ("café", "café"),
        ("cafe\u0301", "café"),
        ("ｻｯｶｰ", "サッカー"),
        ("日本語", "日本語"),
        ("二〇二〇", "二〇二〇"),
        ("हिन्दी", "हिन्दी"),
        ("𝓭𝓸𝓰", "dog"),
        ("do\u200bg\ufe0f", "dog"),
        ("می\u200cخواهم", "میخواهم"),
        ("il·lusió", "illusió"),
        ("x" * MAX_LENGTH, "x" * MAX_LENGTH),
    ],
)
def test_the_normal_form_is_folded_and_bare(raw: str, expected: str) -> None:
    """Case, width, ``#``, zero-width characters and joining dots make no difference."""
    assert normalise(raw) == expected
    assert why_not(raw) is None


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("", "'' is empty"),
        ("#", "'#' is empty"),
        ("\u200b", r"'\u200b' is empty"),
        ("123", "'123' has no letter"),
        ("_", "'_' has no letter"),
        ("😀", "'😀' has no letter"),
        ("golden retriever", "'golden retriever' has a space; write it as one word"),
        ("dog!", "'dog!' has '!'; only letters, digits and _ can stand in a hashtag"),
        ("dog🐶", "'dog🐶' has '🐶'; only letters, digits and _ can stand in a hashtag"),
        ("a#b", "'a#b' has '#'; only letters, digits and _ can stand in a hashtag"),
        ("x" * (MAX_LENGTH + 1), "'" + "x" * 40 + "…' is longer than 100 characters"),
        ("#" * 401, "'" + "#" * 40 + "…' is longer than 100 characters"),
        ("dog\ud800", r"'dog\ud800' has '\ud800'; only letters, digits and _ can stand in a hashtag"),
    ],
)
def test_what_cannot_be_a_hashtag_gets_a_reason(raw: str, reason: str) -> None:
    """The reason quotes the input, cut and escaped, and says what is wrong with it."""
    assert normalise(raw) is None
    assert why_not(raw) == reason


@given(WILD)
@example("﹟dog")
@example("ǅ\u0345")
@example("# \u200b#dog")
def test_normalising_twice_changes_nothing(raw: str) -> None:
    """A normal form is its own normal form, has the allowed signs alone and is found again behind a ``#``."""
    hashtag = normalise(raw)
    if hashtag is None:
        reason = why_not(raw)
        assert reason is not None
        assert reason.encode()
        return
    assert why_not(raw) is None
    assert normalise(hashtag) == hashtag
    assert 1 <= len(hashtag) <= MAX_LENGTH
    assert regex.fullmatch(r"[\p{L}\p{M}\p{Nd}_〇]+", hashtag)
    assert regex.search(r"\p{L}", hashtag)
    assert extract(f"#{hashtag}") == (hashtag,)


@given(WILD)
def test_spans_are_ordered_and_hold_what_is_extracted(text: str) -> None:
    """Spans do not overlap, start at a hash sign, and their normal forms are what ``extract`` returns."""
    spans = hashtag_spans(text)
    assert all(a_end <= b_start for (_, a_end), (b_start, _) in itertools.pairwise(spans))
    assert all(text[start] in "#＃" for start, _ in spans)
    assert extract(text) == tuple(dict.fromkeys(normalise(text[start:end]) for start, end in spans))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("#Sun and #sea, #SUN!", ("sun", "sea")),
        ("#sun#sea#sky", ("sun", "sea", "sky")),
        ("(#sun) ’#sea’", ("sun", "sea")),
        ("sun#sea 9#sea _#sea", ()),
        ("&#39;s &#x27;", ()),
        ("#16 #_ #", ()),
        ("https://x.com/#sea x.com/a#sea /#sea", ("sea",)),
        ("https://x.com/a #sea https://x.com/#b #sky x.com/#c", ("sea", "sky")),
        ("#http://x.com", ()),
        ("❤️#sea 👍🏽#sky", ("sea", "sky")),
        ("#️⃣dog #1️⃣dog", ()),
        ("#sea❤️ #sea☀", ("sea",)),
        ("海#sea 海。#sea", ("sea",)),
        ("＃ｓｅａ", ("sea",)),
        ("#" + "x" * 101, ()),
        ("", ()),
    ],
)
def test_hashtags_of_a_text(text: str, expected: tuple[str, ...]) -> None:
    """Boundaries are twitter-text's, save that hashtags may follow each other without a space."""
    assert extract(text) == expected


def test_a_long_text_of_hashtags_and_links_is_read_in_one_pass() -> None:
    """Thousands of hashtags between thousands of links are each told apart."""
    text = " ".join(f"#tag{n} https://x.com/#frag{n}" for n in range(2_000))
    assert extract(text) == tuple(f"tag{n}" for n in range(2_000))
