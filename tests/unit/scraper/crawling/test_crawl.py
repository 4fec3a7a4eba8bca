"""The loop from targets to posts on the disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scraper.crawling.figures import Budget
from scraper.crawling.privacy import Privacy
from tests.unit.scraper.crawl_world import SALT, FakePlatform, Killed, Steps, crawl_once, ids_of, posts_of


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
    assert sum(post_id.startswith("cake") for post_id in ids_of(tmp_path / "c")) == 7
