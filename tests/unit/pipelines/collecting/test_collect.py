"""One crawl from what a person asks for to the report."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from core.errors import DataError, InvalidOption, StorageError
from pipelines.collecting.collect import Wish, collect, crawl_display, first_targets, opened_state, progress_line
from pipelines.collecting.report import read_runs
from pipelines.config.collect import CollectConfig, load_collect_config
from scraper.crawling.figures import CrawlFigures
from scraper.crawling.pace import PaceLimits
from scraper.errors import LoginWall, PageBroken, PageRefused
from scraper.port import PageSource, Target
from scraper.sources import SourceOptions
from tests.unit.scraper.crawl_world import FakePlatform

QUICK = replace(
    load_collect_config(),
    source="replay",
    pace=PaceLimits(0.0, 0.0, 0.01, 1.0, 3),
    topics={"pets": ("dog", "cat"), "food": ("cake",)},
)


class OfflinePlatform(FakePlatform):
    """The platform in memory, without addresses: nothing is asked for robots.txt."""

    def address(self, target: Target) -> None:
        return None

    def fetch(self, target: Target) -> object:  # type: ignore[override]
        return FakePlatform.fetch(_Addressed(self), target)


class _Addressed(FakePlatform):
    def __init__(self, platform: OfflinePlatform) -> None:
        super().__init__(n_posts=platform.n_posts, troubles=platform.troubles, answered=platform.answered)


def making(platform: PageSource, seen: list[SourceOptions] | None = None) -> Callable[[str, SourceOptions], PageSource]:
    def make(name: str, options: SourceOptions) -> PageSource:
        if seen is not None:
            seen.append(options)
        return platform

    return make


def run(
    tmp_path: Path, platform: OfflinePlatform, wish: Wish, config: CollectConfig = QUICK, *, again: bool = False
) -> tuple[Path, dict[str, object]]:
    page, figures = collect(
        tmp_path / "corpus",
        wish,
        config,
        tmp_path / "installation",
        on_progress=lambda figures: None,
        again=again,
        make_source=making(platform),  # type: ignore[arg-type]
    )
    return page, {"posts": figures.posts, "ended": figures.ended}


def test_a_run_ends_with_a_report_that_names_what_was_found(tmp_path: Path) -> None:
    """Hashtags and numbers stand in it, and no author."""
    page, figures = run(tmp_path, OfflinePlatform(), Wish(topics=("pets",)))
    assert figures == {"posts": 14, "ended": "finished"}
    for text in (page.read_text(encoding="utf-8"), page.with_suffix(".txt").read_text(encoding="utf-8")):
        assert "dog" in text
        assert "posts a minute" in text
        assert "Nothing is left to fetch" in text
        assert "Anna" not in text
        assert "anna" not in text


def test_the_source_is_closed_whatever_happens(tmp_path: Path) -> None:
    """No browser outlives its crawl."""
    platform = OfflinePlatform(troubles={"https://photos.example/dog?page=0": [LoginWall("no")]})
    with pytest.raises(LoginWall):
        run(tmp_path, platform, Wish(topics=("pets",)))
    assert platform.closed


def test_a_run_that_is_stopped_leaves_a_report_that_says_how_it_goes_on(tmp_path: Path) -> None:
    """The reason and what is left are the first thing to read."""
    platform = OfflinePlatform(troubles={"https://photos.example/dog?page=0": [LoginWall("it wants an account")]})
    with pytest.raises(LoginWall):
        run(tmp_path, platform, Wish(topics=("pets",)))
    text = (tmp_path / "corpus" / "crawl" / "report.txt").read_text(encoding="utf-8")
    assert "it wants an account" in text
    assert "the same command goes on from here" in text


def test_a_run_that_a_person_interrupts_says_so_and_goes_on_later(tmp_path: Path) -> None:
    """Ctrl-C is a way to stop like any other."""

    class Interrupted(OfflinePlatform):
        def fetch(self, target: Target) -> object:  # type: ignore[override]
            if self.answered:
                raise KeyboardInterrupt
            return super().fetch(target)

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, Interrupted(), Wish(topics=("pets",)))
    assert "ended: interrupted" in (tmp_path / "corpus" / "crawl" / "report.txt").read_text(encoding="utf-8")
    run(tmp_path, OfflinePlatform(), Wish(topics=("pets",)))
    lines = (tmp_path / "corpus" / "posts" / "replay-00001.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 14


def test_a_page_that_could_not_be_read_is_kept_for_the_operator_alone(tmp_path: Path) -> None:
    """It may hold names, so nobody else may look into the folder."""
    platform = OfflinePlatform(
        troubles={"https://photos.example/cake?page=0": [PageBroken("no list", content=b"<html>" * 100_000)]}
    )
    run(tmp_path, platform, Wish(topics=("food",)))
    folder = tmp_path / "corpus" / "crawl" / "broken"
    assert folder.stat().st_mode & 0o077 == 0
    (kept,) = folder.iterdir()
    assert kept.stat().st_size == 256 * 1024


def test_every_run_is_listed(tmp_path: Path) -> None:
    """The corpus knows how it came to be."""
    platform = OfflinePlatform()
    for topic in ("pets", "food"):
        run(tmp_path, platform, Wish(topics=(topic,)))
    runs = tmp_path / "corpus" / "crawl" / "runs.jsonl"
    with runs.open("a", encoding="utf-8") as file:
        file.write('{"source": "torn')
    assert [one["posts"] for one in read_runs(runs)] == [14, 7]


def test_without_a_wish_every_topic_is_collected(tmp_path: Path) -> None:
    """``tagsmith collect --config`` alone is a whole corpus."""
    _, figures = run(tmp_path, OfflinePlatform(), Wish())
    assert figures["posts"] == 21


def test_hashtags_and_targets_begin_as_they_are_named() -> None:
    """A person may name a profile as well as a hashtag."""
    platform = FakePlatform(name="instagram")
    wish = Wish(("food",), ("dog",), (("profile", "anna"),))
    found = first_targets(wish, QUICK, platform)
    assert [(one.kind, one.value, one.topic) for one in found] == [
        ("profile", "anna", None),
        ("tag", "dog", None),
        ("tag", "cake", "food"),
    ]


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        (Wish(topics=("cars",)), "no topic 'cars'; it has pets, food"),
        (Wish(targets=(("feed", "me"),)), "no target of the kind 'feed'"),
    ],
)
def test_what_cannot_be_collected_is_told_with_what_can(wish: Wish, message: str) -> None:
    """The choices are in the message."""
    with pytest.raises(InvalidOption, match=message):
        first_targets(wish, QUICK, FakePlatform())


def test_a_source_that_is_not_searched_gives_what_it_has() -> None:
    """A dump has no topics."""

    class Dump(FakePlatform):
        def targets(self, topic: str | None, hashtags: object) -> tuple[Target, ...]:
            return (Target("file", "a.jsonl"),)

    assert first_targets(Wish(), QUICK, Dump(name="dump")) == (Target("file", "a.jsonl"),)


def test_two_runs_in_one_corpus_do_not_meet(tmp_path: Path) -> None:
    """The second one is told to wait."""
    with opened_state(tmp_path / "corpus"), pytest.raises(StorageError, match="another crawl"):
        run(tmp_path, OfflinePlatform(), Wish())


def test_options_reach_the_source(tmp_path: Path) -> None:
    """What a person sets is what the source is given, and the contact stands in the user agent."""
    seen: list[SourceOptions] = []
    config = replace(QUICK, contact="me@a.example", cookies="c.txt", allow_hosts=("Photos.Home",), instance="http://x")
    collect(
        tmp_path / "corpus",
        Wish(topics=("food",)),
        config,
        tmp_path / "installation",
        on_progress=lambda figures: None,
        make_source=making(OfflinePlatform(), seen),  # type: ignore[arg-type]
    )
    assert "me@a.example" in seen[0].user_agent
    assert (seen[0].cookies, seen[0].instance) == (Path("c.txt"), "http://x")
    assert seen[0].allowed_hosts == {"photos.home"}


def test_the_default_holds_ten_topics_of_seven_hashtags() -> None:
    """What the published systems collected."""
    topics = load_collect_config().topics
    assert len(topics) == 10
    assert {len(hashtags) for hashtags in topics.values()} == {7}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pages = 0", "'pages' is 0; it should be greater than or equal to 1"),
        ("page_size = 0", "'page_size' is 0; it should be greater than or equal to 1"),
        ("page_timeout_s = 0", "'page_timeout_s' is 0; it should be greater than 0"),
        ("pages = 'many'", "'pages' is \"many\""),
        ("pace = 3", r"'pace' is a table: write \[pace\]"),
        ("pagse = 3", "unknown key 'pagse'"),
        ("[pace]\npause_s = -1", "must not be below 0"),
        ("[pace]\npauses = 1", "unknown key 'pace.pauses'; did you mean 'pause_s'"),
        ("= nonsense", "not valid TOML"),
        ("requests = -1", "'requests' is -1; it should be greater than or equal to 0"),
        ("megabytes = -1", "'megabytes' is -1; it should be greater than or equal to 0"),
    ],
)
def test_a_wrong_configuration_names_the_mistake(text: str, message: str, tmp_path: Path) -> None:
    """A misspelt number that silently keeps its default costs a night."""
    path = tmp_path / "collect.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        load_collect_config(path)


def test_a_configuration_is_laid_over_the_default(tmp_path: Path) -> None:
    """One names what differs; topics stand in place of the default's."""
    path = tmp_path / "collect.toml"
    path.write_text('pages = 3\n[pace]\npause_s = 9\n[topics]\ncars = ["car"]\n', encoding="utf-8")
    config, default = load_collect_config(path), load_collect_config()
    assert (config.pages, config.pace.pause_s, config.pace.jitter) == (3, 9.0, default.pace.jitter)
    assert config.topics == {"cars": ("car",)}


def test_a_run_is_plain_json(tmp_path: Path) -> None:
    """Other tools may read how a crawl went."""
    run(tmp_path, OfflinePlatform(), Wish(topics=("food",)))
    (line,) = (tmp_path / "corpus" / "crawl" / "runs.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["ended"] == "finished"


def test_finished_lists_bring_their_new_posts_when_they_are_asked_again(tmp_path: Path) -> None:
    """Every page of the list is asked once more, also those that come before known ones, and no post stands twice."""
    run(tmp_path, OfflinePlatform(n_posts=4), Wish(topics=("food",)))
    assert run(tmp_path, OfflinePlatform(n_posts=9), Wish(topics=("food",)))[1]["posts"] == 0
    platform = OfflinePlatform(n_posts=9)
    assert run(tmp_path, platform, Wish(topics=("food",)), again=True)[1] == {"posts": 5, "ended": "finished"}
    assert set(platform.answered.values()) == {1}
    lines = [line for path in (tmp_path / "corpus" / "posts").iterdir() for line in path.read_text().splitlines()]
    assert sorted(json.loads(line)["id"] for line in lines) == sorted(f"replay:{one}" for one in platform.ids(["cake"]))


def test_what_was_refused_is_tried_once_more_when_asked_again(tmp_path: Path) -> None:
    """An operator who has been told which option is missing gives it, and is not told that all is collected."""
    refusing = OfflinePlatform(
        troubles={"https://photos.example/cake?page=0": [PageRefused("name it with --allow-host")]}
    )
    assert run(tmp_path, refusing, Wish(topics=("food",)))[1]["posts"] == 0
    assert run(tmp_path, OfflinePlatform(), Wish(topics=("food",)))[1]["posts"] == 0
    assert run(tmp_path, OfflinePlatform(), Wish(topics=("food",)), again=True)[1]["posts"] == 8


def test_a_list_collected_without_topic_joins_the_topic_it_is_asked_again_for(tmp_path: Path) -> None:
    """Otherwise its pages would wait for a run that nobody starts."""
    run(tmp_path, OfflinePlatform(n_posts=2), Wish(hashtags=("cake",)))
    assert run(tmp_path, OfflinePlatform(n_posts=3), Wish(topics=("food",)), again=True)[1]["posts"] == 1


def test_a_run_that_asks_again_and_is_killed_goes_on(tmp_path: Path) -> None:
    """The lists that were begun again end as if nothing had happened."""
    run(tmp_path, OfflinePlatform(n_posts=4), Wish(topics=("food",)))
    walled = OfflinePlatform(n_posts=9, troubles={"https://photos.example/cake?page=3": [LoginWall("no")]})
    with pytest.raises(LoginWall):
        run(tmp_path, walled, Wish(topics=("food",)), again=True)
    run(tmp_path, OfflinePlatform(n_posts=9), Wish(topics=("food",)))
    ids = [line for path in (tmp_path / "corpus" / "posts").iterdir() for line in path.read_text().splitlines()]
    assert len(ids) == len(set(ids)) == 10


def test_a_line_says_what_has_come_how_fast_and_what_is_left() -> None:
    """Posts a minute are those of this run."""
    line = progress_line(CrawlFigures(posts=1_200, pictures=900, pages=60, seconds=360.0, left=35))
    assert line == "1,200 posts (200 a minute), 900 with a picture, 60 pages; 35 pages left that are known of"


def test_a_run_that_has_just_begun_divides_by_nothing() -> None:
    """Its first line comes before its first second."""
    assert "0 posts (0 a minute)" in progress_line(CrawlFigures())


def test_where_there_is_no_terminal_a_line_comes_now_and_then() -> None:
    """A log file of a night is read in the morning."""
    out = StringIO()
    figures = CrawlFigures()
    with crawl_display(Console(file=out, width=200)) as show:
        for figures.posts in range(0, 501, 10):
            show(figures)
    assert len(out.getvalue().splitlines()) == 5
