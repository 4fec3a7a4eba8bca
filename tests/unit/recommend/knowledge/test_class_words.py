"""Words for ImageNet classes."""

from __future__ import annotations

import pytest

from core.text.hashtags import normalise
from recommend.knowledge.class_words import class_label, class_terms, families


def test_a_class_is_called_by_its_synonyms_and_its_family() -> None:
    """Lower case, plain words; the family of a class follows from its number."""
    assert class_terms(207, "golden retriever")[:3] == ("golden retriever", "dog", "puppy")
    assert class_terms(5000, "sea-coast, L'Été") == ("sea coast", "l été")


def test_only_the_first_three_synonyms_count() -> None:
    """The rest is Latin."""
    assert class_terms(5000, "a b, c, d, Canis lupus") == ("a b", "c", "d")


def test_terms_never_repeat_and_are_never_empty() -> None:
    """Whatever stands between the commas."""
    assert class_terms(5000, "dog, dog, 12, ,") == ("dog",)
    assert class_terms(281, "cat")[0] == "cat"
    assert class_terms(281, "cat").count("cat") == 1


@pytest.mark.parametrize(("name", "shown"), [("tabby, tabby cat", "tabby"), (" pizza ", "pizza"), ("", "")])
def test_the_first_synonym_is_shown(name: str, shown: str) -> None:
    """As it is written."""
    assert class_label(name) == shown


def test_every_family_names_classes_that_exist_with_words_that_can_be_hashtags() -> None:
    """The data file is read whole: numbers from 0 to 999, words that join to a hashtag."""
    assert families()
    for number, words in families().items():
        assert 0 <= number < 1000
        assert len(set(words)) == len(words) > 0
        for word in words:
            assert normalise(word.replace(" ", "")) == word.replace(" ", "")
