"""Tests of what may be suggested."""

from __future__ import annotations

import numpy as np

from core.text.blocklist import load_blocklist
from recommend.safety import allowed_mask, without_blocked


def blocked(hashtag: str) -> str | None:
    """A list with one entry."""
    return "slur" if hashtag == "badword" else None


def test_only_blocked_hashtags_are_masked() -> None:
    """One place a hashtag, True where it may be suggested."""
    mask = allowed_mask(("dog", "badword", "love"), blocked)
    assert mask.dtype == np.bool_
    assert mask.tolist() == [True, False, True]
    assert allowed_mask((), blocked).shape == (0,)


def test_blocked_hashtags_of_a_caller_are_left_out_and_told() -> None:
    """The rest keeps its order; the notice names place and category."""
    kept, notices = without_blocked(("dog", "badword", "love"), blocked, "seeds")
    assert kept == ("dog", "love")
    (notice,) = notices
    assert (notice.code, notice.field) == ("hashtag_blocked", "seeds")
    assert "hashtag 2 of seeds" in notice.detail
    assert "slur" in notice.detail


def test_a_notice_never_repeats_the_blocked_hashtag() -> None:
    """Answers are logged and shown, so the word stays out of them."""
    _, notices = without_blocked(("badword",), blocked, "pin")
    assert not any("badword" in notice.detail for notice in notices)


def test_a_notice_claims_nothing_about_platforms() -> None:
    """The list is the operator's own; no platform is said to restrict anything."""
    _, notices = without_blocked(("badword",), blocked, "seeds")
    told = notices[0].detail.lower()
    assert "this service" in told
    assert not any(word in told for word in ("platform", "instagram", "restricted", "banned"))


def test_nothing_blocked_gives_no_notice() -> None:
    """Harmless hashtags pass unchanged."""
    assert without_blocked(("dog",), blocked, "seeds") == (("dog",), ())


def test_the_list_that_ships_works_as_the_block_list() -> None:
    """The built-in list fits the same slot and lets everyday hashtags through."""
    ships = load_blocklist().blocked
    assert allowed_mask(("dog", "sunset", "queer", "foodporn"), ships).all()
    assert not allowed_mask(("proana",), ships).any()
