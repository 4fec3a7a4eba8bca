"""Hashtags are counted by day within the limits that protect who posted them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import DataError, StorageError
from core.posts import Post
from core.text.blocklist import load_blocklist
from core.trend_snapshot import SNAPSHOT_FILE, TrendSnapshot, read_snapshot
from pipelines.config.training import load_config
from pipelines.trends.counting import MIN_AUTHORS, MIN_POSTS, N_DAYS, TrendTally, carry_single_posts, count_trends
from pipelines.trends.refresh import Search, refresh_trends
from pipelines.trends.searched_hashtags import MAX_AGE, read_searched, refresh_searched
from pipelines.trends.stage import run
from pipelines.workshop.progress import SilentProgress
from pipelines.workshop.stage import StageContext
from scraper.errors import TooManyRequests
from scraper.top_hashtags import RankedHashtag
from tests.support.dated_posts import LEXICON, NOW, dated_post, drawn_posts
from tests.unit.pipelines.posts_on_disk import record, write_lines


def count(posts: Sequence[Post], tally: TrendTally | None = None, now: datetime = NOW) -> TrendSnapshot | None:
    """Count these posts."""
    return count_trends(lambda: posts, LEXICON, load_blocklist(), corpus="toy", now=now, tally=tally or TrendTally())


def counted(posts: Sequence[Post]) -> TrendSnapshot:
    """Count these posts, of which there are enough."""
    snapshot = count(posts)
    assert snapshot is not None
    return snapshot


def cells(snapshot: TrendSnapshot, topic: str | None = None) -> dict[str, dict[int, int]]:
    """Return hashtag -> days before the last day -> posts."""
    scope = next(counts for counts in (snapshot.whole, *snapshot.by_topic) if counts.topic == topic)
    found: dict[str, dict[int, int]] = defaultdict(dict)
    for row, day, posts in zip(scope.hashtag.tolist(), scope.day.tolist(), scope.posts.tolist(), strict=True):
        found[snapshot.hashtags[row]][snapshot.n_days - 1 - day] = posts
    return dict(found)


def naive_cells(posts: Sequence[Post], topic: str | None) -> dict[str, dict[int, int]]:
    """What counting should give, a post at a time and a day at a time."""
    uses: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    authors: dict[str, set[str]] = defaultdict(set)
    for number, post in enumerate(posts):
        marks = {*post.hashtags, post.query_tag}
        if topic is not None and not marks & LEXICON[topic]:
            continue
        ago = (NOW.date() - datetime.fromisoformat(post.time or "").date()).days
        for tag in post.hashtags:
            if tag != post.query_tag:
                uses[tag][ago] += 1
                authors[tag].add(post.author or f"unknown {number}")
    told: dict[str, dict[int, int]] = {}
    for tag, days in uses.items():
        if sum(days.values()) >= MIN_POSTS and len(authors[tag]) >= MIN_AUTHORS:
            waiting, row = 0, {}
            for ago in sorted(days, reverse=True):
                waiting += days[ago]
                if waiting >= 2:
                    row[ago], waiting = waiting, 0
            told[tag] = row
    return told


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("topic", [None, "pets", "food"])
def test_counts_equal_those_done_by_hand(topic: str | None, seed: int) -> None:
    """Whole and by topic, over authors who are known and who are not."""
    posts = drawn_posts(400, seed)
    assert cells(counted(posts), topic) == naive_cells(posts, topic)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=60), st.data())
def test_no_day_tells_of_a_single_post_and_no_span_is_off_by_more_than_one(
    by_day: list[int], data: st.DataObject
) -> None:
    """The whole reason why single posts are told with the next day that has any."""
    told = carry_single_posts(np.array(by_day, dtype=np.int64))
    assert not (told == 1).any()
    start = data.draw(st.integers(0, len(by_day)))
    end = data.draw(st.integers(start, len(by_day)))
    assert abs(int(told[start:end].sum()) - sum(by_day[start:end])) <= 1


def test_a_hashtag_needs_three_posts_of_three_authors() -> None:
    """One busy author makes no trend, nor do two."""
    posts = [dated_post(n, 1, ("mine", "dog"), author="one", caption=f"word{'x' * n}") for n in range(9)]
    posts += [dated_post(10 + n, 2, ("rare",)) for n in range(2)]
    posts += [dated_post(20 + n, 2, ("shared",)) for n in range(3)]
    assert set(cells(counted(posts))) == {"shared"}


def test_a_post_does_not_count_for_the_hashtag_it_was_found_under() -> None:
    """It is there because it was asked for; it still tells the topic."""
    posts = [dated_post(n, 1, ("dog", "walk"), query_tag="dog") for n in range(5)]
    assert cells(counted(posts)) == {"walk": {0: 5}}
    assert cells(counted(posts), "pets") == {"walk": {0: 5}}


def test_the_last_day_is_of_the_posts_and_not_of_the_clock() -> None:
    """A lone post with a wrong date does not make old counts look new."""
    old = [dated_post(n, 400, ("dog",)) for n in range(5)]
    snapshot = counted([*old, dated_post(9, 1, ("dog",))])
    assert (NOW.date() - snapshot.as_of).days == 400


def test_posts_that_do_not_count_are_told_by_reason() -> None:
    """Without a time, of the future, of long ago, and an author's copy."""
    tally = TrendTally()
    posts = [dated_post(n, 1, ("dog", "walk")) for n in range(4)]
    posts += [
        dated_post(10, 1, ("dog",), time=None),
        dated_post(11, -5, ("dog",)),
        dated_post(12, N_DAYS + 30, ("dog",)),
        replace(posts[0], post_id="again"),
    ]
    count(posts, tally)
    assert sum(tally.counted.values()) == 4
    assert sorted(tally.left_out.values()) == [1, 1, 1, 1]


def test_days_are_utc() -> None:
    """A post of the evening in New York is of the next day."""
    evening = "2026-11-20T22:30:00-05:00"
    snapshot = counted([dated_post(n, 0, ("dog",), time=evening) for n in range(3)])
    assert snapshot.as_of.isoformat() == "2026-11-21"


def test_blocked_hashtags_are_not_counted() -> None:
    """What is never suggested is in no file either."""
    blocklist = load_blocklist()
    blocked = next(tag for tag in ("nsfw", "porn") if blocklist.blocked(tag))
    snapshot = counted([dated_post(n, 1, ("dog", blocked)) for n in range(5)])
    assert snapshot.hashtags == ("dog",)


def test_posts_without_times_have_no_trends() -> None:
    """Nothing is made up."""
    assert count([dated_post(n, 1, ("dog",), time=None) for n in range(5)]) is None


def corpus_on_disk(folder: Path, n: int = 60) -> Path:
    """A corpus with dated posts."""
    rows = [
        record(n, hashtags=["dog", "walk"], author=f"a{n}", time=(NOW - timedelta(days=n % 20, hours=1)).isoformat())
        for n in range(n)
    ]
    write_lines(folder / "posts" / "walks.jsonl", rows)
    return folder


def test_refreshing_writes_beside_the_bundles_and_changes_none(tmp_path: Path) -> None:
    """A store, and a bundle in it, mean the same place."""
    corpus, store = corpus_on_disk(tmp_path / "corpus"), tmp_path / "store"
    (store / "one").mkdir(parents=True)
    (store / "one" / "manifest.json").write_text("{}")
    for named in (store, store / "one"):
        place, snapshot, tally = refresh_trends(corpus, named, None, progress=SilentProgress(), now=lambda: NOW)
        assert place == store / SNAPSHOT_FILE
        assert read_snapshot(place).to_json() == snapshot.to_json()
        assert sum(tally.counted.values()) == 60
    assert [path.name for path in (store / "one").iterdir()] == ["manifest.json"]


def test_a_refresh_that_fails_leaves_the_trends_of_before(tmp_path: Path) -> None:
    """No posts with times, or a place that cannot be written."""
    corpus, store = corpus_on_disk(tmp_path / "corpus"), tmp_path / "store"
    place, snapshot, _ = refresh_trends(corpus, store, None, progress=SilentProgress(), now=lambda: NOW)
    timeless = tmp_path / "timeless"
    write_lines(timeless / "posts" / "walks.jsonl", [record(n) for n in range(5)])
    with pytest.raises(DataError, match="trends need posts with `time`"):
        refresh_trends(timeless, store, None, progress=SilentProgress(), now=lambda: NOW)
    assert place.read_text("utf-8") == snapshot.to_json()
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        refresh_trends(corpus, tmp_path / "file" / "store", None, progress=SilentProgress(), now=lambda: NOW)


class Platform:
    """A platform that answers a number of times and then asks to slow down."""

    name = "mastodon"

    def __init__(self, answers: int) -> None:
        self.left = answers
        self.asked: list[str] = []

    def ranked_hashtags(self, word: str) -> Sequence[RankedHashtag]:
        """Return two hashtags and something that is none."""
        if self.left == 0:
            raise TooManyRequests("slow down")
        self.left -= 1
        self.asked.append(word)
        return [RankedHashtag(f"#{word}Lovers", 900), RankedHashtag("123"), RankedHashtag(word)]


def test_answers_are_kept_with_their_date_and_asked_again_after_a_week(tmp_path: Path) -> None:
    """A platform that stops answering loses nothing of before, and the next call goes on."""
    cache, blocklist, times = tmp_path / "crawl" / "searched.json", load_blocklist(), [NOW]

    def refresh(platform: Platform) -> list[str]:
        found = refresh_searched(
            platform, ("pets", "food"), cache, blocklist, now=lambda: times[0], progress=SilentProgress()
        )
        assert read_searched(cache) == found
        return [answer.word for answer in found]

    first = Platform(1)
    assert refresh(first) == ["pets"]
    second = Platform(9)
    assert refresh(second) == ["food", "pets"]
    assert second.asked == ["food"]
    (pets,) = (answer for answer in read_searched(cache) if answer.word == "pets")
    assert pets.hashtags == (("petslovers", 900), ("pets", None))
    assert pets.asked == NOW.isoformat(timespec="seconds")
    times[0] = NOW + MAX_AGE + timedelta(seconds=1)
    third = Platform(9)
    refresh(third)
    assert third.asked == ["pets", "food"]


def test_searched_hashtags_are_in_the_snapshot(tmp_path: Path) -> None:
    """Also at the next refresh without asking."""
    corpus, store = corpus_on_disk(tmp_path / "corpus"), tmp_path / "store"
    search = Search(Platform(9), ("pets",))
    for asked in (search, None):
        _, snapshot, _ = refresh_trends(corpus, store, None, progress=SilentProgress(), search=asked, now=lambda: NOW)
        assert [(answer.source, answer.word) for answer in snapshot.searched] == [("mastodon", "pets")]


def test_a_damaged_cache_says_what_to_do(tmp_path: Path) -> None:
    """It is only a cache."""
    (tmp_path / "searched.json").write_text(json.dumps([{"source": 1}]))
    with pytest.raises(DataError, match="remove it"):
        read_searched(tmp_path / "searched.json")


def stage(folder: Path, rows: list[dict[str, object]]) -> Path:
    """Run the stage that counts for a bundle over these posts and return what it left."""
    write_lines(folder / "posts" / "walks.jsonl", rows)
    lexicon = {"topics": {topic: {"seeds": sorted(tags)} for topic, tags in LEXICON.items()}}
    (folder / "lexicon.json").write_text(json.dumps(lexicon))
    out = folder / "out"
    out.mkdir()
    inputs = {"posts": folder / "posts", "topic_lexicon": folder / "lexicon.json"}
    run(StageContext(out, out, out, inputs, load_config().corpus, SilentProgress(), 1))
    return out / SNAPSHOT_FILE


def test_the_stage_leaves_trends_where_posts_have_times(tmp_path: Path) -> None:
    """Of every split: trends enter no figure."""
    rows = [
        record(n, hashtags=["dog", "walk"], author=f"a{n}", time="2015-05-01T10:00:00", split=split)
        for n, split in enumerate(("train", "val", "test"))
    ]
    snapshot = read_snapshot(stage(tmp_path, rows))
    assert cells(snapshot, "pets") == {"dog": {0: 3}, "walk": {0: 3}}


def test_the_stage_leaves_nothing_where_posts_have_none(tmp_path: Path) -> None:
    """Training goes on without."""
    assert not stage(tmp_path, [record(n) for n in range(5)]).exists()
