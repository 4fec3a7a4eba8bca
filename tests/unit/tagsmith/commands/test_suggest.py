"""The command line answers as the service would."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from core.errors import BadInput, InvalidOption, NothingToGoOn, UndecodableImage, UnsupportedImage
from tagsmith.commands.suggest import answer, print_answer, read_photo
from tests.support.fakes import BROKEN_PHOTO, PHOTO, FakeRecommender
from tests.support.serving import fake_loaded

FIELDS: dict[str, Any] = {"caption": "", "seeds": [], "platforms": [], "limit": 5}


def printed(fields: dict[str, Any], photo: bytes | None = None) -> str:
    """Return what a person would see."""
    stream = io.StringIO()
    print_answer(answer(fake_loaded(), FIELDS | fields, photo), Console(file=stream, width=160))
    return stream.getvalue()


@pytest.mark.parametrize("photo", [None, PHOTO])
@pytest.mark.parametrize("caption", ["", "a walk in the park"])
@pytest.mark.parametrize("seeds", [[], ["#Dog"]])
def test_every_combination_of_inputs_answers(photo: bytes | None, caption: str, seeds: list[str]) -> None:
    """Any of the three may be missing, but not all."""
    fields = FIELDS | {"caption": caption, "seeds": seeds}
    if photo is None and not caption and not seeds:
        with pytest.raises(NothingToGoOn):
            answer(fake_loaded(), fields, photo)
        return
    assert len(answer(fake_loaded(), fields, photo).suggestions) == 5


def test_hashtags_of_the_caption_are_seeds() -> None:
    """As over HTTP: they count, and are not suggested again."""
    recommender = FakeRecommender()
    found = answer(fake_loaded(recommender=recommender), FIELDS | {"caption": "look #Cat"}, None)
    assert recommender.queries[0].seeds == ("cat",)
    assert "cat" not in {one.hashtag for one in found.suggestions}


def test_a_person_sees_rank_hashtag_reason_and_topics() -> None:
    """What is needed to choose."""
    text = printed({"seeds": ["dog"], "platforms": ["instagram"]}, PHOTO)
    assert "#cat" in text
    assert "topics: " in text
    assert "looks like: golden retriever 70%" in text
    assert "confidence: high" in text
    assert "instagram (" in text


def test_flagged_hashtags_are_shown_with_their_source() -> None:
    """A person decides, knowing who says so and since when."""
    text = printed({"seeds": ["dog"], "limit": 12})
    assert "note: #art is restricted (https://example.org, 2026-11-01)" in text


def test_warnings_are_shown() -> None:
    """A seed that was dropped does not vanish silently."""
    assert "note: " in printed({"seeds": ["dog", "123"]})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"seeds": ["dog"], "platforms": ["myspace"]}, r"platforms\[0\] must be one of .*instagram"),
        ({"seeds": ["dog"], "limit": 0}, "limit"),
        ({"seeds": ["dog"], "topic": "cars"}, "topic must be one of pets, nature, food"),
        ({"seeds": ["dog"] * 31}, "seeds"),
    ],
)
def test_a_wrong_option_is_named(fields: dict[str, Any], message: str) -> None:
    """In the words of the service."""
    with pytest.raises(InvalidOption, match=message):
        answer(fake_loaded(), FIELDS | fields, None)


def test_broken_pictures_are_refused() -> None:
    """Cut short, or no picture at all."""
    with pytest.raises(UndecodableImage):
        answer(fake_loaded(), FIELDS, BROKEN_PHOTO)
    with pytest.raises(UnsupportedImage):
        answer(fake_loaded(), FIELDS, b"hello")


def test_a_photograph_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """A mistyped path, or a folder."""
    with pytest.raises(BadInput, match=r"nowhere\.jpg: No such file"):
        read_photo(tmp_path / "nowhere.jpg")
    with pytest.raises(BadInput, match="directory"):
        read_photo(tmp_path)
