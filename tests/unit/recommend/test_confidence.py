"""How far answers are trusted."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from core.errors import BundleCorrupt
from core.query import Options, Query
from core.suggestions import Level
from recommend.confidence import (
    CONFIDENCE_FILE,
    LIKE_A_KNOWN_SEED,
    Confidence,
    open_confidence,
    save_confidence,
    text_evidence,
)
from recommend.signals.text import SignalMaker
from tests.support.tiny_world import GREY, TinyWorld, ask, look

LIMITS = Confidence(least_energy=3.0, least_evidence=0.5, sure_evidence=3.0, sure_topic=0.8)
KNOWN, UNSURE = look("pets", energy=3.0), look("pets", certainty=0.5, energy=9.0)


@pytest.mark.parametrize(
    ("query", "level", "abstain"),
    [
        (ask("xqzzt"), "low", True),
        (ask("", ["xqzzt"]), "low", True),
        (ask(image=GREY), "low", True),
        (ask("xqzzt", image=GREY), "low", True),
        (ask("xqzzt", image=UNSURE), "medium", False),
        (ask(image=KNOWN), "high", False),
        (ask("monday"), "medium", False),
        (ask("creamy sauce", ["pasta", "carbonara", "italian"]), "high", False),
        (ask("xqzzt", image=GREY, options=Options(topic="pets")), "medium", False),
        (ask(image=look("pets", energy=2.99)), "low", True),
    ],
)
def test_an_answer_abstains_when_neither_picture_nor_text_is_known(
    tiny_world: TinyWorld, query: Query, level: Level, abstain: bool
) -> None:
    """Energy for a picture, evidence for a text, the caller's word for a topic."""
    assert LIMITS.judge(query, SignalMaker(tiny_world.engine.knowledge).signals(query)) == (level, abstain)


def test_evidence_from_elsewhere_has_no_energy_and_is_believed(tiny_world: TinyWorld) -> None:
    """The caller says what the picture shows."""
    query = ask(image=look("pets", energy=None))  # type: ignore[arg-type]
    assert LIMITS.judge(query, SignalMaker(tiny_world.engine.knowledge).signals(query)) == ("high", False)


def test_text_evidence_is_the_strongest_there_is(tiny_world: TinyWorld) -> None:
    """Of seeds, words and what is spelt out; 0 without any."""
    maker = SignalMaker(tiny_world.engine.knowledge)
    assert text_evidence(maker.signals(ask("xqzzt"))) == 0.0
    both = maker.signals(ask("monday meeting", ["surf"]))
    assert text_evidence(both) == pytest.approx(max(both.column("seed_lift").max(), both.column("word_lift").max()))
    assert text_evidence(both) > math.log1p(1)


def test_limits_read_back_are_the_same(tmp_path: Path) -> None:
    """Every number."""
    save_confidence(LIMITS, tmp_path / CONFIDENCE_FILE)
    assert open_confidence(tmp_path) == LIMITS


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"least_energy": "x"}'])
def test_damaged_limits_are_refused(tmp_path: Path, content: str | None) -> None:
    """Missing, empty, of another shape."""
    if content is not None:
        (tmp_path / CONFIDENCE_FILE).write_text(content, encoding="utf-8")
    with pytest.raises(BundleCorrupt, match=CONFIDENCE_FILE):
        open_confidence(tmp_path)


def test_an_unknown_seed_counts_when_it_is_written_like_a_known_one(tiny_world: TinyWorld) -> None:
    """Random letters share no n-grams with anything; a compound of a known hashtag does."""
    maker = SignalMaker(tiny_world.engine.knowledge)
    compound, noise = maker.signals(ask("", ["puppylicious"])), maker.signals(ask("", ["xqzzt"]))
    assert "puppylicious" not in tiny_world.engine.knowledge.tag_row
    assert text_evidence(compound) == pytest.approx(compound.column("seed_spelling").max())
    assert text_evidence(compound) >= LIKE_A_KNOWN_SEED
    assert text_evidence(noise) == 0.0
