"""How hashtags are shown."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.text.display import Segmenter, as_used, build_word_counts
from core.text.hashtags import normalise

COUNTS = {
    "golden": 50, "retriever": 10, "retrieve": 40, "new": 900, "york": 80, "city": 300, "of": 2000, "july": 60,
    "the": 4000, "day": 500, "photo": 300, "fashion": 200, "love": 700, "dog": 300, "dogs": 200, "москва": 20,
    "été": 20, "and": 900, "sand": 50, "sun": 100,
}  # fmt: skip
SEGMENTER = Segmenter(COUNTS)

WILD_HASHTAGS = st.text(
    st.one_of(st.characters(), st.sampled_from("abcdxyz019_éßŉǰıİσςΐﬁǆკԱა日\u0345\u0301\u0307"))
).map(normalise)


@pytest.mark.parametrize(
    ("hashtag", "shown"),
    [
        ("goldenretriever", "GoldenRetriever"),
        ("newyorkcity", "NewYorkCity"),
        ("photooftheday", "PhotoOfTheDay"),
        ("dog", "Dog"),
        ("new_york", "New_York"),
        ("4thofjuly", "4thOfJuly"),
        ("1st", "1st"),
        ("90sfashion", "90sFashion"),
        ("1980s", "1980s"),
        ("100sun", "100Sun"),
        ("love2026", "Love2026"),
        ("3d", "3D"),
        ("nyc", "NYC"),
        ("москваcity", "МоскваCity"),
        ("étédog", "ÉtéDog"),
        ("日本語", "日本語"),
        ("日本dog", "日本Dog"),
        ("qzxv", "Qzxv"),
        ("dogqzxvk", "DogQzxvk"),
        ("", ""),
    ],
)
def test_words_start_with_capitals(hashtag: str, shown: str) -> None:
    """Words, numbers with their endings, initials and scripts without capitals."""
    assert SEGMENTER.display(hashtag) == shown


@given(WILD_HASHTAGS)
def test_a_display_form_is_the_hashtag_again_when_folded(hashtag: str | None) -> None:
    """Nothing but capitals is changed, whatever the script."""
    if hashtag is not None:
        shown = SEGMENTER.display(hashtag)
        assert shown.casefold() == hashtag
        assert normalise(shown) == hashtag


@given(st.text(st.sampled_from("andogsuth"), min_size=1, max_size=9))
def test_the_cut_equals_the_best_of_all_cuts(letters: str) -> None:
    """Viterbi finds what trying each way to cut finds."""
    total = sum(COUNTS.values())

    def log_probability(words: tuple[str, ...]) -> float:
        return sum(
            math.log(COUNTS[word] / total) if word in COUNTS else -math.log(total) - max(len(word), 5) * math.log(10)
            for word in words
        )

    ways = [
        tuple(letters[start:end] for start, end in itertools.pairwise((0, *cuts, len(letters))))
        for n_cuts in range(len(letters))
        for cuts in itertools.combinations(range(1, len(letters)), n_cuts)
    ]
    best = max(map(log_probability, ways))
    assert math.isclose(log_probability(SEGMENTER.segment(letters)), best, rel_tol=1e-9)


def test_no_counts_at_all_still_show_something() -> None:
    """Without any word known, a hashtag is one word."""
    assert Segmenter({}).display("goldenretriever") == "Goldenretriever"


def test_a_long_hashtag_is_shown() -> None:
    """Longer than any word: it is cut anywhere, and still comes back."""
    assert SEGMENTER.display("q" * 100).casefold() == "q" * 100


def test_words_come_from_captions_a_large_corpus_and_hashtags() -> None:
    """Caption words count by use, frequent words by rank, and a hashtag's unknown piece becomes a word."""
    captions = [("golden", "retriever", "😀"), ("golden", "retriever")] * 40
    counts = build_word_counts(captions, {"goldenretrieverootd": 7, "golden": 30}, ("the", "of", "sea"))
    assert Segmenter(counts).display("ootdofthegoldenretriever") == "OOTDOfTheGoldenRetriever"
    assert counts["ootd"] == 7
    assert counts["the"] > counts["of"] > counts["sea"] > counts["golden"]
    assert "😀" not in counts
    assert "goldenretrieverootd" not in counts
    assert list(counts.values()) == sorted(counts.values(), reverse=True)


def test_letters_and_rare_triples_are_no_words_to_cut_at() -> None:
    """Corpora hold every short string; cutting at them would break longer words."""
    counts = build_word_counts([("nen", "zz", "q")] * 3, {}, ("the", "spring", "brun"))
    assert not {"nen", "zz", "q"} & counts.keys()


def test_two_words_often_written_as_one_are_still_two() -> None:
    """A caption's "goodmorning" does not keep good and morning together; "weekend", used as often, stays."""
    captions = [("good", "morning", "goodmorning")] + [("good", "morning", "weekend", "week")] * 50
    counts = build_word_counts(captions * 3, {}, ())
    assert "goodmorning" not in counts
    assert Segmenter(counts).display("goodmorningweekend") == "GoodMorningWeekend"


def test_the_number_of_words_is_bounded() -> None:
    """The least used go, and equal ones go by the alphabet."""
    captions = [("delta", "alpha", "gamma", "gamma")] * 2
    assert list(build_word_counts(captions, {}, (), n_words=2)) == ["gamma", "alpha"]


WORDS = {"do": 1771, "glover": 5, "dog": 111, "lover": 31, "ice": 200, "cream": 150, "icecream": 4, "me": 1000,
         "at": 9000, "meat": 35, "fire": 300, "place": 400, "the": 1_000_000}  # fmt: skip
CAPTIONS = {"ice": 60, "cream": 40, "ice cream": 25, "icecream": 4, "me": 4000, "at": 9000, "me at": 23, "meat": 9,
            "fireplace": 7, "fire": 70, "place": 90, "catsofig": 3}  # fmt: skip


@pytest.mark.parametrize(
    ("hashtag", "before", "after"),
    [
        ("doglover", "DoGlover", "DogLover"),
        ("icecream", "Icecream", "IceCream"),
        ("fireplace", "FirePlace", "Fireplace"),
        ("meat", "Meat", "Meat"),
    ],
)
def test_words_are_cut_as_a_corpus_writes_them(hashtag: str, before: str, after: str) -> None:
    """By what is tagged, by phrases, and by what is written in one; neighbours by chance are no phrase."""
    assert Segmenter(WORDS).display(hashtag) == before
    assert Segmenter(as_used(WORDS, CAPTIONS, {"dog": 400}, 60_000)).display(hashtag) == after


def test_a_corpus_that_says_nothing_changes_nothing() -> None:
    """Neither counts nor words."""
    assert as_used(COUNTS, {}, {}, 0) == COUNTS


def test_only_words_of_two_pieces_are_learnt_from_captions() -> None:
    """Hashtags that lost their sign are in captions too."""
    words = {"cats": 50, "cat": 40, "of": 900, "ig": 30, "fire": 9, "place": 9}
    assert as_used(words, {"catsofig": 30, "fireplace": 3, "igof": 5}, {}, 100).keys() - words.keys() == {"fireplace"}
