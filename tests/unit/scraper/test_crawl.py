"""The loop from targets to posts on the disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scraper.crawl_figures import Budget, CrawlFigures
from scraper.errors import (
    HostBusy,
    LoginWall,
    PageBroken,
    PageRefused,
    PageUnreachable,
    TooManyRequests,
)
from scraper.port import WebAnswer
from scraper.privacy import Privacy
from scraper.state_file import StateFile
from tests.unit.scraper.crawl_world import SALT, FakePlatform, FakeTime, Killed, Steps, crawl_once

PAGE = "https://photos.example/dog?page=0"
PICTURE = "https://cdn.example/dog-1.jpg"


def posts_of(corpus: Path) -> list[dict[str, Any]]:
    """Return every line of every shard."""
    return [
        json.loads(line)
        for path in sorted((corpus / "posts").glob("*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]


def ids_of(corpus: Path) -> list[str]:
    return [record["id"].removeprefix("replay:") for record in posts_of(corpus)]


def test_every_post_is_kept_once_with_its_picture(tmp_path: Path) -> None:
    """A post under two hashtags is one post, and its picture is fetched once."""
    platform = FakePlatform()
    figures = crawl_once(tmp_path / "c", platform)
    assert sorted(ids_of(tmp_path / "c")) == sorted(platform.ids(["dog", "cat"]))
    assert set(platform.answered.values()) == {1}
    assert (figures.posts, figures.pictures, figures.known, figures.left) == (14, 14, 2, 0)
    assert figures.ended == "finished"
    for record in posts_of(tmp_path / "c"):
        assert (tmp_path / "c" / "posts" / record["image"]).is_file()


def test_a_line_holds_what_training_reads_and_no_name(tmp_path: Path) -> None:
    """Fields are those of the data folder; author and mentions are gone."""
    crawl_once(tmp_path / "c", FakePlatform(n_posts=1), ["dog"])
    (record,) = posts_of(tmp_path / "c")
    assert record == {
        "id": "replay:dog-0",
        "source": "replay",
        "caption": "hello @user from dog #dog #n0",
        "hashtags": ["dog", "n0"],
        "author": Privacy(SALT).author("replay", "Anna0"),
        "time": "2025-03-01T10:00:00+01:00",
        "query_tag": "dog",
        "image": record["image"],
    }
    everything = b"".join(path.read_bytes() for path in (tmp_path / "c").rglob("*") if path.is_file())
    assert b"Anna0" not in everything
    assert b"anna.b" not in everything


def test_shards_are_begun_anew_when_they_are_full(tmp_path: Path) -> None:
    """No file grows without end, and the order of their names is the order of writing."""
    crawl_once(tmp_path / "c", FakePlatform(n_posts=20), ["dog"], max_shard_bytes=500)
    names = [path.name for path in sorted((tmp_path / "c" / "posts").iterdir())]
    assert len(names) > 3
    assert names == [f"replay-{number:05d}.jsonl" for number in range(1, len(names) + 1)]


def test_a_second_run_has_nothing_left_to_do(tmp_path: Path) -> None:
    """What is done stays done."""
    platform = FakePlatform()
    crawl_once(tmp_path / "c", platform)
    before = dict(platform.answered)
    figures = crawl_once(tmp_path / "c", platform)
    assert (figures.posts, platform.answered) == (0, before)


def small() -> FakePlatform:
    """A platform with two list pages a hashtag, for what is run many times."""
    return FakePlatform(n_posts=3, page_size=2)


def n_steps(tmp_path: Path) -> int:
    steps = Steps()
    crawl_once(tmp_path / "count", small(), steps=steps)
    return steps.n


def test_a_kill_at_any_step_loses_nothing_and_fetches_nothing_twice(tmp_path: Path) -> None:
    """Killed before and after every request and every write, the crawl ends with the same posts, each once."""
    for kill_at in range(1, n_steps(tmp_path) + 1):
        corpus, platform = tmp_path / f"killed-{kill_at}", small()
        steps = Steps(kill_at)
        with pytest.raises(Killed):
            crawl_once(corpus, platform, steps=steps)
        in_flight = {address for address, count in platform.answered.items() if count}
        crawl_once(corpus, platform)
        assert sorted(ids_of(corpus)) == sorted(platform.ids(["dog", "cat"])), kill_at
        twice = {address for address, count in platform.answered.items() if count > 1}
        # Only an answer that came and was not yet noted when the kill hit may be asked for again.
        assert len(twice) <= 1, kill_at
        assert twice <= in_flight
        assert all((corpus / "posts" / record["image"]).is_file() for record in posts_of(corpus))


@settings(max_examples=10)
@given(kills=st.lists(st.integers(1, 25), min_size=1, max_size=4), torn=st.integers(0, 60))
def test_many_kills_and_torn_ends_in_a_row_lose_nothing(
    kills: list[int], torn: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """However often it is killed, with whatever half a line left behind, the posts are the same in the end."""
    corpus, platform = tmp_path_factory.mktemp("killed") / "c", small()
    for kill_at in kills:
        try:
            crawl_once(corpus, platform, steps=Steps(kill_at))
        except Killed:
            shards = sorted((corpus / "posts").glob("*.jsonl"))
            if shards and torn:
                with shards[-1].open("ab") as file:
                    file.write(b'{"id": "replay:torn", "caption": "half a line that was being written'[:torn])
    crawl_once(corpus, platform)
    assert sorted(ids_of(corpus)) == sorted(platform.ids(["dog", "cat"]))


def test_the_budget_of_requests_ends_a_run_and_the_next_goes_on(tmp_path: Path) -> None:
    """A run does what it may and says why it ended."""
    platform = FakePlatform()
    runs = 0
    while crawl_once(tmp_path / "c", platform, budget=Budget(requests=5)).ended != "finished":
        runs += 1
        assert runs < 20
    assert runs >= 3
    assert sorted(ids_of(tmp_path / "c")) == sorted(platform.ids(["dog", "cat"]))
    assert set(platform.answered.values()) == {1}


def test_the_budget_of_bytes_ends_a_run(tmp_path: Path) -> None:
    """Bytes that a page came with count."""
    figures = crawl_once(tmp_path / "c", FakePlatform(), budget=Budget(n_bytes=150))
    assert figures.ended.startswith("the budget of 0 MB")
    assert figures.n_bytes >= 150
    assert figures.left > 0


def test_pages_behind_the_bound_wait_for_a_run_that_wants_them(tmp_path: Path) -> None:
    """``--pages`` bounds each list; a later run with a higher bound goes on from there."""
    platform = FakePlatform(shared=False)
    crawl_once(tmp_path / "c", platform, pages=1)
    assert len(ids_of(tmp_path / "c")) == 6
    crawl_once(tmp_path / "c", platform, pages=2)
    assert len(ids_of(tmp_path / "c")) == 12
    crawl_once(tmp_path / "c", platform, pages=9)
    assert len(ids_of(tmp_path / "c")) == 14
    assert set(platform.answered.values()) == {1}


def test_another_topics_pages_wait_for_their_own_run(tmp_path: Path) -> None:
    """What was begun for one topic is not fetched while another is collected."""
    platform = FakePlatform(shared=False)
    crawl_once(tmp_path / "c", platform, ["dog"], topic="pets", budget=Budget(requests=2))
    crawl_once(tmp_path / "c", platform, ["cake"], topic="food")
    assert not any("dog?page=3" in address for address in platform.answered)
    assert sum(one.startswith("cake") for one in ids_of(tmp_path / "c")) == 7


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
