"""What fields mean together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import NothingToGoOn
from core.text.hashtags import normalise
from service.answer.interpret import Asked, understand
from service.engine.loading import Vocabulary
from service.problems import Refusal
from service.schemas.requests import SuggestionRequest

NAMES = Vocabulary(("pets", "food"), {"tabby cat": 281, "pizza": 963}, frozenset({"instagram", "x"}))


def _ask(*, has_file: bool = False, **fields: Any) -> Asked:
    return understand(SuggestionRequest.model_validate(fields), has_file=has_file, names=NAMES)


def _bad_field(**fields: Any) -> str:
    with pytest.raises(Refusal) as caught:
        _ask(has_file=True, **fields)
    assert caught.value.code == "invalid_request"
    return caught.value.fields[0].field


def test_seeds_are_brought_to_normal_form_once_each() -> None:
    """#Dog and dog are one hashtag."""
    assert _ask(seeds=["#Dog", "dog", "Ｃat"]).query.seeds == ("dog", "cat")


def test_hashtags_of_the_caption_count_as_seeds_and_are_no_words() -> None:
    """They follow the given seeds, and the caption's words are the rest."""
    query = _ask(caption="Walking #MyDog in the forest", seeds=["puppy"]).query
    assert query.seeds == ("puppy", "mydog")
    assert "mydog" not in query.words
    assert "forest" in query.words


def test_a_seed_that_cannot_be_a_hashtag_is_dropped_with_a_warning() -> None:
    """The warning names it and its place."""
    asked = _ask(seeds=["dog", "123"])
    assert asked.query.seeds == ("dog",)
    assert [(w.code, w.field) for w in asked.warnings] == [("seed_dropped", "seeds[1]")]
    assert "123" in asked.warnings[0].detail


def test_a_caption_out_of_html_is_read_as_its_reader_saw_it() -> None:
    """Neither ``nbsp`` nor ``amp`` nor ``rsquo`` is a word or a part of a hashtag."""
    copied = _ask(caption="It&rsquo;s my dog&nbsp;&amp; me #caf&eacute;&nbsp;#beach&#33;").query
    typed = _ask(caption="It’s my dog & me #café #beach!").query
    assert (copied.words, copied.seeds) == (typed.words, typed.seeds) == (("its", "my", "dog", "me"), ("café", "beach"))


def test_a_caption_full_of_hashtags_seeds_no_more_than_the_bound() -> None:
    """Those beyond are not suggested either, and a warning tells."""
    asked = _ask(caption=" ".join(f"#tag{chr(97 + i)}{chr(97 + j)}" for i in range(5) for j in range(8)), seeds=["dog"])
    assert len(asked.query.seeds) == 30
    assert len(asked.query.options.exclude) == 11
    assert asked.warnings[0].field == "caption"


def test_a_pin_that_the_caption_holds_beyond_the_seeds_stays_a_pin() -> None:
    """Who pins the 31st hashtag of a caption excluded nothing, and was told to take it out of ``exclude``."""
    caption = " ".join(f"#tag{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(40))
    options = _ask(caption=caption, pin=["tagbn"]).query.options
    assert options.pin == ("tagbn",)
    assert "tagbn" not in options.exclude
    assert "tagbm" in options.exclude


@pytest.mark.parametrize(
    "fields",
    [{}, {"seeds": ["123", ""]}, {"caption": "  !?  12 "}, {"caption": "https://example.org"}, {"seeds": ["🎉"]}],
)
def test_nothing_to_go_on_is_told(fields: dict[str, Any]) -> None:
    """Without an image, a word or a usable seed there is no question."""
    with pytest.raises(NothingToGoOn):
        _ask(**fields)


@pytest.mark.parametrize("fields", [{"seeds": ["dog"]}, {"caption": "dog"}, {"caption": "#dog"}])
def test_any_one_input_is_enough(fields: dict[str, Any]) -> None:
    """Each of the three stands alone, an image too."""
    _ask(**fields)
    _ask(has_file=True)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"pin": ["Dog"], "exclude": ["#dog"]}, "pin[0]"),
        ({"pin": ["1"]}, "pin[0]"),
        ({"exclude": ["dog", "a b"]}, "exclude[1]"),
        ({"pin": ["a", "b", "c"], "limit": 2}, "pin"),
        ({"mix": {"broad": 3, "niche": 3}, "limit": 5}, "mix"),
        ({"mix": {}}, "mix"),
        ({"topic": "cars"}, "topic"),
        ({"topic": "pets", "routing": "global"}, "topic"),
        ({"platforms": ["instagram", "myspace"]}, "platforms[1]"),
        ({"image": {"evidence": {"topics": {"cars": 1.0}}}}, "image.evidence.topics"),
        ({"image": {"evidence": {"topics": {"pets": 0.2}}}}, "image.evidence.topics"),
        (
            {"image": {"evidence": {"topics": {"pets": 1.0}, "classes": [{"name": "yeti", "p": 0.5}]}}},
            "image.evidence.classes[0].name",
        ),
    ],
)
def test_contradictions_and_unknown_names_are_refused(fields: dict[str, Any], field: str) -> None:
    """The field that cannot be kept is named."""
    assert _bad_field(**fields) == field


def test_options_pass_on_as_they_are() -> None:
    """Every field that the recommender reads arrives there."""
    asked = _ask(
        seeds=["dog"], limit=7, pin=["Love", "love"], exclude=["#Hate"], topic="pets", routing="hard", scorer="cosine",
        diversity=0.5, mix={"mid": 3}, language="pt-BR", explain=False, platforms=["Instagram", "instagram", "x"],
    )  # fmt: skip
    options = asked.query.options
    assert (options.limit, options.pin, options.exclude, options.topic) == (7, ("love",), ("hate",), "pets")
    assert (options.routing, options.scorer, options.diversity) == ("hard", "cosine", 0.5)
    assert (options.mix, options.language, options.explain) == ({"broad": 0, "mid": 3, "niche": 0}, "pt", False)
    assert asked.platforms == ("instagram", "x")


def test_evidence_comes_in_the_order_of_the_bundle() -> None:
    """Topics left out are 0, the sum is 1, classes fall."""
    evidence = {"topics": {"food": 0.99}, "classes": [{"name": "tabby cat", "p": 0.1}, {"name": "pizza", "p": 0.8}]}
    image = _ask(image={"evidence": evidence}).query.image
    assert image is not None
    assert image.topics.tolist() == [0.0, 1.0]
    assert image.class_ids.tolist() == [963, 281]
    assert np.allclose(image.class_probabilities, [0.8, 0.1])
    assert image.energy is None


@given(st.text(max_size=300), st.lists(st.text(max_size=20), max_size=30))
def test_any_caption_and_seeds_are_understood(caption: str, seeds: list[str]) -> None:
    """What comes out is in normal form and each once, or there is nothing to go on."""
    try:
        asked = _ask(caption=caption, seeds=seeds)
    except NothingToGoOn:
        return
    found = asked.query.seeds
    assert len(set(found)) == len(found) <= 30
    assert all(normalise(seed) == seed for seed in found)
