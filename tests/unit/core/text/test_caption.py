"""Captions to words."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.text.caption import MAX_WORD_LENGTH, MAX_WORDS, STOP_WORDS, caption_words, phrases
from core.text.hashtags import normalise

WILD = st.text(
    st.one_of(st.characters(), st.sampled_from("#＃@<>/.:'’ aAéßİ东京かカ한1٣❤👍🏽\ufe0f\u200d\ud800🇩🇪™\u0301ㄱ가")),
    max_size=80,
)


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("A DAY at the beach!", ("a", "day", "at", "the", "beach")),
        ("I don't, you’re", ("i", "dont", "youre")),
        ("l'été d’Annecy", ("été", "annecy")),
        ("soooo goooood, aaah", ("soo", "good", "aah")),
        ("mid-century new_york and/or", ("mid", "century", "new", "york", "and", "or")),
        ("sun #sea#sky sand ＃ｄｏｇ", ("sun", "sand")),
        ("by @user and @me.you@photog.social", ("by", "and")),
        ("mail me@x.co.uk or see https://x.com/a?b=c#d x.com/foo www.x.org", ("mail", "or", "see")),
        ("tomorrow.so happy", ("tomorrow", "so", "happy")),
        ("12 apples, 1,200.50 pears, 90s, 4th, ٣", ("apples", "pears", "90s", "4th")),
        ("<user> won <num> <br/> <3 <b class='x'>you</b>", ("won", "you")),
        ("Nike™ ©Me ®", ("nike", "me")),
        ("ｆｕｌｌ　ｗｉｄｔｈ ﬁne", ("full", "width", "fine")),
        ("café’s CAFÉ cafe\u0301", ("cafés", "café", "café")),
        ("한국어 좋아요 हिन्दी ผู้เริ่มต้น", ("한국어", "좋아요", "हिन्दी", "ผู้เริ่มต้น")),
        ("東京タワーに行きました。", ("東京", "タワー", "に", "行", "きました")),
        ("日本語学習", ("日本", "本語", "語学", "学習")),
        ("", ()),
        ("!!! ... 123", ()),
    ],
)
def test_words_of_a_caption(caption: str, expected: tuple[str, ...]) -> None:
    """What is left are folded words, without hashtags, mentions, links, markup and numbers."""
    assert caption_words(caption) == expected


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("love❤️you", ("love", "❤", "you")),
        ("👍🏽 👍🏿", ("👍",)),
        ("😍😍😍 a 😍", ("😍", "a", "😍")),
        ("🤷🏽‍♀️", ("🤷‍♀",)),
        ("👨‍👩‍👧", ("👨‍👩‍👧",)),
        ("🇩🇪🇫🇷", ("🇩🇪", "🇫🇷")),
        ("1️⃣ go", ("go",)),
    ],
)
def test_emoji_are_tokens_of_their_own(caption: str, expected: tuple[str, ...]) -> None:
    """Skin tones and variation selectors are dropped, sequences stay together, repeats in a row count once."""
    assert caption_words(caption) == expected


@given(WILD)
@example("a\u0301" * 30)
@example("ᄀ ᅡ")
def test_words_read_again_are_the_same_words(caption: str) -> None:
    """Joining the words with spaces and reading them again changes nothing; none is empty, bare or too long."""
    words = caption_words(caption)
    assert all(words)
    assert not any(word.isdigit() or "#" in word or " " in word for word in words)
    assert all(len(word) <= MAX_WORD_LENGTH for word in words)
    assert caption_words(" ".join(words)) == words


def test_hashtags_never_leave_a_trace_in_the_words() -> None:
    """Words are the same whether or not hashtags stand between them: the answer is not among the clues."""
    assert caption_words("sun #dog over #CatsOfInstagram sea #x") == caption_words("sun over sea")


def test_a_caption_gives_at_most_a_thousand_words() -> None:
    """A caption of any length is cut, not refused."""
    assert len(caption_words("dog " * 9_000)) == MAX_WORDS
    assert caption_words("dog " * 9_000)[0] == "dog"


def test_long_words_are_cut() -> None:
    """A word has at most ``MAX_WORD_LENGTH`` letters."""
    assert caption_words("ab" * 200) == (("ab" * 200)[:MAX_WORD_LENGTH],)


def test_phrases_join_runs_of_words() -> None:
    """Every run up to four words appears once, with where it starts and how many words it has."""
    assert list(phrases(("new", "york", "city"), max_words=2)) == [
        ("new", 0, 1),
        ("newyork", 0, 2),
        ("york", 1, 1),
        ("yorkcity", 1, 2),
        ("city", 2, 1),
    ]


def test_phrases_of_several_words_do_not_start_or_end_with_a_stop_word() -> None:
    """``city of love`` is a phrase, ``of love`` and ``city of`` are not; single stop words are left to the caller."""
    found = {joined for joined, _, _ in phrases(("city", "of", "love"))}
    assert found == {"city", "cityoflove", "of", "love"}


def test_phrases_do_not_cross_an_emoji() -> None:
    """An emoji ends a phrase and is none itself."""
    assert [joined for joined, _, _ in phrases(("dog", "🐶", "cat"))] == ["dog", "cat"]


@given(WILD)
def test_phrases_are_normal_forms(caption: str) -> None:
    """Each phrase could be a hashtag as it is, and is the words that it says it is."""
    words = caption_words(caption)
    for joined, start, n in phrases(words):
        assert normalise(joined) == joined
        assert "".join(words[start : start + n]) == joined


def test_phrases_equal_the_naive_enumeration() -> None:
    """A plain double loop over all runs finds the same."""
    words = caption_words("the best day of my life in new york with the dog 🐶 and a cat")
    naive = [
        ("".join(run), start, n)
        for start in range(len(words))
        for n in range(1, 5)
        if len(run := words[start : start + n]) == n
        and "🐶" not in run
        and (n == 1 or not {run[0], run[-1]} & STOP_WORDS)
    ]
    assert list(phrases(words)) == naive
