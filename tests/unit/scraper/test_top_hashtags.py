"""Top hashtags of a word: normal form, rank and date."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone

import pytest

from scraper.errors import LoginWall
from scraper.top_hashtags import DayUse, RankedHashtag, top_hashtags


class Ranking:
    """A source that answers every word alike."""

    name = "fake"

    def __init__(self, *ranked: RankedHashtag) -> None:
        self.ranked = ranked

    def ranked_hashtags(self, word: str) -> Sequence[RankedHashtag]:
        """Return the list it was made with."""
        return self.ranked


def test_answers_are_normal_ranked_and_dated() -> None:
    """What is no hashtag and what comes again closes up; the day of the answer is kept in UTC."""
    days = (DayUse("2026-01-02", 5, 4),)
    source = Ranking(
        RankedHashtag("#Dogs", 10), RankedHashtag("123"), RankedHashtag("dogs", 3), RankedHashtag("PUPPY", None, days)
    )
    moment = datetime(2026, 1, 3, 1, 0, tzinfo=timezone(timedelta(hours=2)))
    answer = top_hashtags(source, "dog", now=lambda: moment)
    assert [(tag.hashtag, tag.rank, tag.n_posts, tag.days) for tag in answer] == [
        ("dogs", 1, 10, ()),
        ("puppy", 2, None, days),
    ]
    assert {(tag.word, tag.source, tag.asked) for tag in answer} == {("dog", "fake", "2026-01-02T23:00:00+00:00")}


def test_no_more_than_asked_for_come_back() -> None:
    """The first ones are kept."""
    source = Ranking(*(RankedHashtag(f"tag{sign}") for sign in "abcdef"))
    assert [tag.hashtag for tag in top_hashtags(source, "x", limit=2)] == ["taga", "tagb"]


def test_the_clock_is_read_in_utc() -> None:
    """Without a clock of one's own the answer is dated now."""
    (tag,) = top_hashtags(Ranking(RankedHashtag("a")), "x")
    assert abs(datetime.fromisoformat(tag.asked) - datetime.now(UTC)) < timedelta(minutes=1)


def test_what_a_platform_refuses_is_not_hidden() -> None:
    """The caller decides what to do without an answer."""

    class Walled(Ranking):
        def ranked_hashtags(self, word: str) -> Sequence[RankedHashtag]:
            raise LoginWall("no")

    with pytest.raises(LoginWall):
        top_hashtags(Walled(), "dog")
