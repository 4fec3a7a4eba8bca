"""What the crawl does about walls, failures and refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scraper.crawling.figures import CrawlFigures
from scraper.crawling.privacy import Privacy
from scraper.crawling.state_file import StateFile
from scraper.errors import (
    HostBusy,
    LoginWall,
    PageBroken,
    PageRefused,
    PageUnreachable,
    TooManyRequests,
)
from scraper.port import WebAnswer
from tests.unit.scraper.crawl_world import (
    SALT,
    FakePlatform,
    FakeTime,
    Killed,
    Steps,
    crawl_once,
    ids_of,
    posts_of,
)

PAGE = "https://photos.example/dog?page=0"
PICTURE = "https://cdn.example/dog-1.jpg"


def test_a_page_out_of_reach_is_tried_again_later(tmp_path: Path) -> None:
    """A hiccup costs time, no post."""
    platform, time = FakePlatform(troubles={PAGE: [PageUnreachable("slow"), PageUnreachable("slow")]}), FakeTime()
    figures = crawl_once(tmp_path / "c", platform, time=time)
    assert sorted(ids_of(tmp_path / "c")) == sorted(platform.ids(["dog", "cat"]))
    assert figures.troubles["pages out of reach"] == 2
    assert time.slept >= 60


def test_a_page_that_stays_out_of_reach_is_given_up_and_taken_up_by_the_next_run(tmp_path: Path) -> None:
    """The rest is not held up by it, and it is not lost."""
    platform = FakePlatform(troubles={PAGE: [PageUnreachable("slow")] * 3}, shared=False)
    crawl_once(tmp_path / "c", platform)
    assert sorted(ids_of(tmp_path / "c")) == sorted(platform.ids(["cat"]))
    crawl_once(tmp_path / "c", platform)
    assert sorted(ids_of(tmp_path / "c")) == sorted(platform.ids(["dog", "cat"]))


def test_when_nothing_can_be_reached_the_run_stops_and_keeps_its_state(tmp_path: Path) -> None:
    """A dead network must not burn through the list of pages."""
    platform = FakePlatform(n_posts=1, shared=False)
    tags = [f"t{number}" for number in range(20)]
    for tag in tags:
        platform.troubles[f"https://photos.example/{tag}?page=0"] = [PageUnreachable("no route")]
    with pytest.raises(PageUnreachable, match="the same command again"):
        crawl_once(tmp_path / "c", platform, tags)
    platform.troubles.clear()
    crawl_once(tmp_path / "c", platform, tags)
    assert sorted(ids_of(tmp_path / "c")) == sorted(platform.ids(tags))


def test_a_refused_page_is_left_out_for_good(tmp_path: Path) -> None:
    """Forbidden and gone do not change by asking again."""
    platform = FakePlatform(troubles={PAGE: [PageRefused("gone"), PageRefused("gone")]}, shared=False)
    crawl_once(tmp_path / "c", platform)
    crawl_once(tmp_path / "c", platform)
    assert sorted(ids_of(tmp_path / "c")) == sorted(platform.ids(["cat"]))
    assert len(platform.troubles[PAGE]) == 1


def test_a_broken_page_is_kept_for_a_look_and_not_fatal(tmp_path: Path) -> None:
    """Someone has to see what a page looks like now."""
    kept: list[bytes] = []
    platform = FakePlatform(troubles={PAGE: [PageBroken("no list", content=b"<html>new")]}, shared=False)
    figures = crawl_once(tmp_path / "c", platform, kept=kept)
    assert kept == [b"<html>new"]
    assert figures.troubles == {"pages broken": 1}
    assert sorted(ids_of(tmp_path / "c")) == sorted(platform.ids(["cat"]))


@pytest.mark.parametrize("where", [PAGE, PICTURE])
def test_a_login_wall_stops_the_run_and_says_what_to_do(where: str, tmp_path: Path) -> None:
    """The state is kept: without the wall, the next run finishes."""
    platform = FakePlatform(troubles={where: [LoginWall("photos.example wants an account")]})
    told: list[CrawlFigures] = []
    with pytest.raises(LoginWall, match="--cookies FILE"):
        crawl_once(tmp_path / "c", platform, figures=told)
    assert told[0].ended.startswith("photos.example wants an account")
    crawl_once(tmp_path / "c", platform)
    assert sorted(ids_of(tmp_path / "c")) == sorted(platform.ids(["dog", "cat"]))
    assert set(platform.answered.values()) == {1}


@pytest.mark.parametrize("where", [PAGE, PICTURE])
def test_a_host_that_asks_to_slow_down_is_given_the_time_it_names(where: str, tmp_path: Path) -> None:
    """The page is fetched after the wait; nothing is skipped."""
    time = FakeTime()
    platform = FakePlatform(troubles={where: [TooManyRequests("429", retry_after_s=50.0)]})
    crawl_once(tmp_path / "c", platform, time=time)
    assert sorted(ids_of(tmp_path / "c")) == sorted(platform.ids(["dog", "cat"]))
    assert time.slept >= 50


def test_a_host_that_keeps_refusing_stops_the_run_and_is_left_alone_after_a_restart(tmp_path: Path) -> None:
    """A restart does not shorten what the host asked for."""
    time = FakeTime()
    platform = FakePlatform(troubles={PAGE: [TooManyRequests("429", retry_after_s=90.0)] * 3})
    with pytest.raises(TooManyRequests, match="the state is kept"):
        crawl_once(tmp_path / "c", platform, time=time)
    resumed = FakeTime(time.now)
    crawl_once(tmp_path / "c", platform, time=resumed)
    assert resumed.slept >= 90
    assert sorted(ids_of(tmp_path / "c")) == sorted(platform.ids(["dog", "cat"]))


@pytest.mark.parametrize(
    "troubles",
    [
        [PageRefused("gone")],
        [PageBroken("too large")],
        [PageUnreachable("slow")] * 3,
    ],
)
def test_a_picture_that_cannot_be_had_leaves_the_post(troubles: list[Any], tmp_path: Path) -> None:
    """Hashtags and caption teach without it."""
    platform = FakePlatform(troubles={PICTURE: list(troubles)})
    figures = crawl_once(tmp_path / "c", platform)
    without = [record["id"] for record in posts_of(tmp_path / "c") if "image" not in record]
    assert without == ["replay:dog-1"]
    assert figures.pictures == figures.posts - 1


def test_bytes_that_are_no_picture_are_not_kept_and_not_fetched_again(tmp_path: Path) -> None:
    """A zip named .jpg is no photograph, also after a kill."""

    class Zips(FakePlatform):
        def picture(self, address: str) -> bytes:
            super().picture(address)
            return b"PK\x03\x04 not a picture"

    platform = Zips(n_posts=3)
    with pytest.raises(Killed):
        crawl_once(tmp_path / "c", platform, ["dog"], steps=Steps(7))
    crawl_once(tmp_path / "c", platform, ["dog"])
    assert all("image" not in record for record in posts_of(tmp_path / "c"))
    assert not list((tmp_path / "c" / "pictures").rglob("*.jpg"))
    assert set(platform.answered.values()) == {1}


def test_robots_txt_is_asked_before_a_page_is(tmp_path: Path) -> None:
    """A forbidden page is never fetched."""
    asked: list[str] = []

    def robots(address: str, max_bytes: int) -> WebAnswer:
        asked.append(address)
        return WebAnswer(address, 200, {}, b"User-agent: *\nDisallow: /dog\n")

    platform = FakePlatform(shared=False)
    crawl_once(tmp_path / "c", platform, read_start=robots)
    assert sorted(ids_of(tmp_path / "c")) == sorted(platform.ids(["cat"]))
    assert not any("dog" in address for address in platform.answered)
    assert asked == ["https://photos.example/robots.txt"]


def test_one_crawl_a_host_at_a_time(tmp_path: Path) -> None:
    """Two crawls of one installation do not double the load on a site."""

    class Nested(FakePlatform):
        def fetch(self, target: Any) -> Any:
            if not self.answered:
                self.answered["nested"] += 1
                with pytest.raises(HostBusy, match="another crawl"):
                    crawl_once(tmp_path / "other", FakePlatform())
            return super().fetch(target)

    platform = Nested()
    crawl_once(tmp_path / "c", platform)
    assert platform.answered["nested"] == 1


def test_who_asked_to_be_forgotten_is_not_collected(tmp_path: Path) -> None:
    """Neither the post nor its picture is fetched to be kept."""
    (tmp_path / "c" / "crawl").mkdir(parents=True)
    state = StateFile(tmp_path / "c" / "crawl" / "frontier.sqlite")
    privacy = Privacy(SALT)
    with state.transaction() as sql:
        sql.execute("INSERT INTO forgotten VALUES ('author', ?, NULL)", (privacy.author("replay", "@anna1"),))
        sql.execute("INSERT INTO forgotten VALUES ('post', ?, NULL)", (privacy.post("replay", "dog-0"),))
    state.close()
    platform = FakePlatform(shared=False)
    figures = crawl_once(tmp_path / "c", platform, ["dog"])
    assert sorted(ids_of(tmp_path / "c")) == ["dog-2", "dog-3", "dog-5", "dog-6"]
    assert figures.forgotten == 3
    assert PICTURE not in platform.answered


def test_a_gentle_pace_is_kept_from_page_to_picture(tmp_path: Path) -> None:
    """Pages of one host are a pause apart on the crawl's own clock."""
    time = FakeTime()
    platform = FakePlatform(shared=False)
    crawl_once(tmp_path / "c", platform, ["dog"], time=time)
    assert time.slept >= 3.0
