"""Tests of the languages of captions and hashtags."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.text.caption import caption_words
from core.text.hashtags import normalise
from recommend.language import (
    CAPTION_LANGUAGES,
    LATIN_LANGUAGES,
    PENALTY,
    build_tag_languages,
    caption_language,
    detect_language,
    languages_of,
    primary_tag,
)

needs_cld2 = pytest.mark.skipif(importlib.util.find_spec("pycld2") is None, reason="no build of CLD2 for this system")

VOCABULARY = ("naturephotography", "weihnachtsmarkt", "instagood", "дрезден", "東京", "さくら", "españa")


def whole(letters: str) -> tuple[str, ...]:
    """Cut nothing."""
    return (letters,)


def never(text: str, share: int) -> str | None:
    """Know no language."""
    return None


@needs_cld2
@pytest.mark.parametrize(
    ("caption", "language"),
    [
        ("My lovely dog at the beach this morning ☀️", "en"),
        ("ein schöner Abend am Fluss mit meinem Hund", "de"),
        ("que bonito día en la playa con mis amigos", "es"),
        ("bonjour Paris quelle belle journée", "fr"),
        ("Сегодня мы гуляли по прекрасному городу", "ru"),
        ("今天天气很好我们去公园玩", "zh"),
        ("היום הלכנו לים עם חברים", "he"),
    ],
)
def test_clear_captions_have_their_language(caption: str, language: str) -> None:
    """Read from the same words that everything else reads."""
    assert caption_language(caption_words(caption)) == language


@pytest.mark.parametrize("caption", ["", "golden retriever puppy", "😍 😍 🐶 🐕 ☀️ 🌊", "bonjour ☀️ 🌊 🐶 🐕"])
def test_short_captions_have_none(caption: str) -> None:
    """Under four words there is no telling; emoji are no words."""
    assert caption_language(caption_words(caption), lambda text, share: "fr") is None


def test_a_language_that_captions_are_mistaken_for_is_not_believed() -> None:
    """Scots and Danish are more often English with slang."""
    words = ("aye", "it", "is", "cold")
    assert caption_language(words, lambda text, share: "sco") is None
    assert caption_language(words, lambda text, share: "de") == "de"


@needs_cld2
@pytest.mark.parametrize(
    ("tag", "languages"),
    [
        ("naturephotography", {"en"}),
        ("weihnachtsmarkt", {"de"}),
        ("españa", {"es"}),
        ("instagood", set()),
        ("selfie", set()),
        ("дрезден", {"ru", "uk", "be", "bg", "mk", "sr", "kk", "ky", "mn", "tg"}),
        ("東京", {"zh", "ja"}),
        ("東京さくら", {"ja"}),
        ("서울", {"ko"}),
        ("東京tokyo", {"zh", "ja"}),
    ],
)
def test_hashtags_have_the_languages_that_are_clear(tag: str, languages: set[str]) -> None:
    """Scripts decide; Latin words only when they are clearly of one language."""
    assert languages_of(tag, whole) == languages


def test_a_language_must_hold_for_the_words_as_well() -> None:
    """What looks Spanish in one piece and English in words is neither for sure."""

    def detect(text: str, share: int) -> str | None:
        return "en" if " " in text else "es"

    assert languages_of("padresgame", whole, detect) == {"es"}
    assert languages_of("padresgame", lambda letters: (letters[:6], letters[6:]), detect) == frozenset()


def test_languages_that_one_word_cannot_prove_are_not_believed() -> None:
    """CLD2 calls many English hashtags Danish."""
    assert "da" not in LATIN_LANGUAGES
    assert languages_of("iloveyou", whole, lambda text, share: "da") == frozenset()


@pytest.mark.parametrize(
    ("code", "primary"),
    [("pt-BR", "pt"), ("EN", "en"), ("zh_Hant", "zh"), ("iw", "he"), ("nb-NO", "no"), ("any", "any")],
)
def test_primary_tags(code: str, primary: str) -> None:
    """Regions and scripts do not matter, nor do old codes."""
    assert primary_tag(code) == primary


@needs_cld2
def test_hashtags_of_another_language_lose_and_all_others_keep() -> None:
    """One value for every loss; nothing is lost where the language is unknown."""
    languages = build_tag_languages(VOCABULARY, whole)
    english = languages.penalty("en-GB")
    assert english.dtype == np.float32
    assert english.tolist() == [0, PENALTY, 0, PENALTY, PENALTY, PENALTY, PENALTY]
    assert languages.penalty("ja").tolist() == [PENALTY, PENALTY, 0, PENALTY, 0, 0, PENALTY]
    assert languages.penalty("de").tolist() == [PENALTY, 0, 0, PENALTY, PENALTY, PENALTY, PENALTY]


@pytest.mark.parametrize("language", [None, "any", "ANY"])
def test_no_language_ranks_nothing_down(language: str | None) -> None:
    """No caption language, or the caller's wish."""
    assert not build_tag_languages(VOCABULARY, whole).penalty(language).any()


def test_without_a_detector_scripts_still_count() -> None:
    """Where CLD2 has no build only scripts are told apart."""
    languages = build_tag_languages(VOCABULARY, whole, never)
    assert languages.penalty("en").tolist() == [0, 0, 0, PENALTY, PENALTY, PENALTY, 0]
    assert caption_language(("we", "are", "at", "home"), never) is None


def test_an_empty_vocabulary_has_an_empty_penalty() -> None:
    """No hashtags, no numbers."""
    assert build_tag_languages((), whole).penalty("en").shape == (0,)


@given(st.text(st.characters(), max_size=80))
def test_any_text_has_a_language_or_none(text: str) -> None:
    """No string raises, half surrogates and reserved code points among them."""
    found = detect_language(text, 90)
    assert found is None or found == primary_tag(found)
    language = caption_language(caption_words(text))
    assert language is None or language in CAPTION_LANGUAGES


@pytest.mark.parametrize("text", ["\ud800 half a surrogate", "reserved \uffff sign", "a \x00 in the middle", ""])
def test_what_no_text_should_hold_has_no_language(text: str) -> None:
    """What CLD2 refuses to read is answered, not raised."""
    assert detect_language(text, 100) is None


@given(st.text(min_size=1, max_size=30))
def test_any_hashtag_has_languages_or_none(raw: str) -> None:
    """Whatever the normal form lets through."""
    tag = normalise(raw)
    if tag is not None:
        assert isinstance(languages_of(tag, whole), frozenset)
