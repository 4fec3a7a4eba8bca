"""A small platform in memory, and a crawl of it whose every step can be cut short."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from core.text.hashtags import normalise
from models.classifier.decode import open_picture
from models.classifier.survey import survey
from scraper.crawling.crawl import Crawl, CrawlParts
from scraper.crawling.figures import Budget, CrawlFigures
from scraper.crawling.frontier import Frontier, HeldTarget, WaitingPost, paused_hosts
from scraper.crawling.pace import Pace, PaceLimits
from scraper.crawling.picture_files import PictureFiles, PictureReader
from scraper.crawling.politeness import Politeness
from scraper.crawling.privacy import Privacy
from scraper.crawling.shards import Shards
from scraper.crawling.state_file import StateFile
from scraper.errors import CrawlError
from scraper.port import FoundPost, Page, Target, WebAnswer
from tests.support.social_sites.world import picture_bytes

SALT = b"s" * 32
LIMITS = PaceLimits(pause_s=1.0, jitter=0.0, first_back_off_s=10.0, longest_wait_s=100.0, refusals=3)


class Killed(BaseException):
    """The process ended here."""


@dataclass
class FakePlatform:
    """Lists of posts by hashtag, paged, with a picture each; counts what was answered.

    Attributes:
        name: of the source.
        n_posts: under each hashtag.
        page_size: posts on a list page.
        troubles: address or target value -> errors to raise, one a call.
        shared: whether each hashtag also shows the first post of the first one.
        answered: what was given, by address.
    """

    name: str = "replay"
    n_posts: int = 7
    page_size: int = 3
    troubles: dict[str, list[CrawlError]] = field(default_factory=dict)
    shared: bool = True
    answered: Counter[str] = field(default_factory=Counter)
    closed: bool = False

    def targets(self, topic: str | None, hashtags: Sequence[str]) -> tuple[Target, ...]:
        return tuple(Target("tag", tag, topic, normalise(tag)) for tag in hashtags)

    def address(self, target: Target) -> str | None:
        return f"https://photos.example/{target.value}?page={target.cursor or 0}"

    def fetch(self, target: Target) -> Page:
        address = self.address(target) or ""
        self._trouble(address)
        begin = int(target.cursor or 0)
        numbers = range(begin, min(begin + self.page_size, self.n_posts))
        posts = [self._post(target.value, number) for number in numbers]
        if self.shared and begin == 0:
            posts.append(self._post("dog", 0))
        onward = (Target(target.kind, target.value, cursor=str(begin + self.page_size)),)
        return Page(tuple(posts), onward if begin + self.page_size < self.n_posts else (), n_bytes=100)

    def picture(self, address: str) -> bytes:
        self._trouble(address)
        return picture_bytes(int(address.rpartition("-")[2].split(".")[0]), side=8)

    def close(self) -> None:
        self.closed = True

    def ids(self, hashtags: Iterable[str]) -> set[str]:
        """Return the ids of all posts under some hashtags."""
        extra = {"dog-0"} if self.shared else set()
        return {f"{tag}-{number}" for tag in hashtags for number in range(self.n_posts)} | extra

    def _trouble(self, address: str) -> None:
        if waiting := self.troubles.get(address):
            raise waiting.pop(0)
        self.answered[address] += 1

    def _post(self, tag: str, number: int) -> FoundPost:
        return FoundPost(
            f"{tag}-{number}",
            f"hello @anna.b from {tag} #{tag} #n{number}",
            author=f"Anna{number % 3}",
            time="2025-03-01T10:00:00+01:00",
            pictures=(f"https://cdn.example/{tag}-{number}.jpg",),
        )


class Steps:
    """Counts the steps of a crawl and ends the process at one of them."""

    def __init__(self, kill_at: int | None = None) -> None:
        self.n = 0
        self._kill_at = kill_at

    def step(self) -> None:
        self.n += 1
        if self.n == self._kill_at:
            raise Killed


class SteppingSource:
    """A source that a kill may hit before it is asked and after it answered."""

    def __init__(self, inner: FakePlatform, steps: Steps) -> None:
        self._inner = inner
        self._steps = steps
        self.name = inner.name
        self.targets, self.address, self.close = inner.targets, inner.address, inner.close

    def fetch(self, target: Target) -> Page:
        self._steps.step()
        return self._inner.fetch(target)

    def picture(self, address: str) -> bytes:
        self._steps.step()
        return self._inner.picture(address)


class SteppingShards(Shards):
    """Shards that a kill may hit before a write, between the line and the note, and after it."""

    steps: Steps

    def append(self, records: Sequence[dict[str, object]]) -> None:
        self.steps.step()
        super().append(records)
        self.steps.step()


class SteppingFrontier(Frontier):
    """A frontier that a kill may hit before and after each note."""

    steps: Steps

    def arrived(self, held: HeldTarget, posts: Sequence[WaitingPost], targets: Iterable[Target]) -> int:
        self.steps.step()
        n_new = super().arrived(held, posts, targets)
        self.steps.step()
        return n_new

    def written(self, posts: Iterable[tuple[str, bool]], shard: str, n_bytes: int) -> None:
        self.steps.step()
        super().written(posts, shard, n_bytes)
        self.steps.step()


@dataclass
class FakeTime:
    """A clock that only waiting moves."""

    now: float = 1_000_000.0
    slept: float = 0.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept += seconds


def no_robots(address: str, max_bytes: int) -> WebAnswer:
    """Answer that there is no robots.txt."""
    return WebAnswer(address, 404, {}, b"")


def crawl_once(
    corpus: Path,
    platform: FakePlatform,
    hashtags: Sequence[str] = ("dog", "cat"),
    *,
    topic: str | None = "pets",
    pages: int = 50,
    budget: Budget | None = None,
    steps: Steps | None = None,
    time: FakeTime | None = None,
    max_shard_bytes: int = 2_000,
    read_start: Callable[[str, int], WebAnswer] = no_robots,
    kept: list[bytes] | None = None,
    figures: list[CrawlFigures] | None = None,
) -> CrawlFigures:
    """Run one crawl in ``corpus`` until it ends, or a step of it does; return what it did."""
    time, steps = time or FakeTime(), steps or Steps()
    (corpus / "crawl").mkdir(parents=True, exist_ok=True)
    with closing(StateFile(corpus / "crawl" / "frontier.sqlite")) as state:
        frontier = SteppingFrontier(state, platform.name, pages=pages, topics=[topic], now=time.clock)
        frontier.steps = steps
        pace = Pace(
            LIMITS, clock=time.clock, sleep=time.sleep, draw=lambda: 0.0, not_before=paused_hosts(state, time.clock())
        )
        politeness = Politeness(pace, read_start, corpus.parent / "installation")
        with closing(politeness):
            shards = SteppingShards(corpus, platform.name, frontier, max_bytes=max_shard_bytes)
            shards.steps = steps
            frontier.add_targets(platform.targets(topic, hashtags))
            frontier.revive()
            parts = CrawlParts(
                source=SteppingSource(platform, steps),
                frontier=frontier,
                shards=shards,
                pictures=PictureFiles(corpus, PictureReader(survey, open_picture)),
                privacy=Privacy(SALT),
                politeness=politeness,
                pace=pace,
                keep_broken=lambda number, content: cast("list[bytes]", [] if kept is None else kept).append(content),
                clock=time.clock,
                sleep=time.sleep,
            )
            crawl = Crawl(parts, budget or Budget())
            if figures is not None:
                figures.append(crawl.figures)
            return crawl.run()


def posts_of(corpus: Path) -> list[dict[str, Any]]:
    """Return every line of every shard."""
    return [
        json.loads(line)
        for path in sorted((corpus / "posts").glob("*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]


def ids_of(corpus: Path) -> list[str]:
    """Return the platform's ids of all posts, in the order of the lines."""
    return [record["id"].removeprefix("replay:") for record in posts_of(corpus)]
