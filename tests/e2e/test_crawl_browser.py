"""The real browser on a local site through ``tagsmith collect``: killed, walled off, slowed down, in the end done."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from scraper.crawling.privacy import clean_caption
from tests.support.photo_site.hazards import build_hazards, has_broken_picture
from tests.support.photo_site.running import PROFILE, RunningSite
from tests.support.photo_site.server import SiteRules
from tests.support.photo_site.world import TOPICS, searched_by

SEED = 20261122
CONFIG = """
source = "browser"
contact = "the tests"
allow_hosts = ["127.0.0.1"]
page_timeout_s = {timeout}
[pace]
pause_s = 0.0
jitter = 0.0
"""

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def chromium() -> None:
    """Say loudly that nothing was shown where there is no browser."""
    pytest.importorskip("selenium", reason="SKIPPED, NOT RUN: the scrape extra is not installed")
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        pytest.skip("SKIPPED, NOT RUN: chromium and chromedriver (Debian: chromium, chromium-driver) are not installed")


@pytest.fixture
def open_site(tmp_path: Path) -> Iterator[Callable[[SiteRules], RunningSite]]:
    """Starts a site whose log outlives it."""
    sites = []

    def start(rules: SiteRules) -> RunningSite:
        sites.append(RunningSite(tmp_path, rules))
        return sites[-1]

    yield start
    for site in sites:
        site.stop()


class Collector:
    """``tagsmith collect`` from one site into one corpus, again and again."""

    def __init__(self, folder: Path, site: RunningSite, topics: tuple[str, ...], timeout: float) -> None:
        self.corpus = folder / "corpus"
        self.site = site
        config = folder / "collect.toml"
        config.write_text(CONFIG.format(timeout=timeout))
        self.words = [sys.executable, "-m", "tagsmith", "collect", "--config", str(config), "--out", str(self.corpus)]
        self.words += ["--installation", str(folder / "installation"), "--files", str(PROFILE)]
        self.words += ["--instance", site.address]
        self.words += [word for topic in topics for word in ("--topic", topic)]

    def run(self, *more: str) -> subprocess.CompletedProcess[str]:
        """Run to the end."""
        return subprocess.run([*self.words, *more], capture_output=True, text=True, check=False)

    def run_and_kill(self, after: int, *more: str) -> bool:
        """Run until the site has seen so many more requests, then SIGKILL; return whether it was killed."""
        wanted = self.site.n_requests() + after
        with subprocess.Popen([*self.words, *more], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            while process.poll() is None and self.site.n_requests() < wanted:
                time.sleep(0.005)
            killed = process.poll() is None
            process.kill()
        return killed

    def lines(self) -> list[dict[str, Any]]:
        """Return the corpus's posts."""
        shards = sorted((self.corpus / "posts").glob("*.jsonl"))
        return [json.loads(line) for shard in shards for line in shard.read_text(encoding="utf-8").splitlines()]


def demand_the_expected_posts(collector: Collector, topics: tuple[str, ...]) -> None:
    """Fail unless the corpus is exactly what the site shows under the topics, without names, with whole pictures."""
    expected = {name: post for name, post in collector.site.posts().items() if post.topic in topics}
    lines = collector.lines()
    assert sorted(line["id"] for line in lines) == sorted(expected)
    for line in lines:
        post = expected[line["id"]]
        assert line["caption"] == clean_caption(post.caption)
        assert set(post.hashtags) == set(line["hashtags"])
        assert line["query_tag"] in post.listed_under
        assert line["time"] == post.time.isoformat()
        assert line["author"]
        assert post.author not in json.dumps(line)
        assert ("image" in line) != has_broken_picture(post)
        if "image" in line:
            with Image.open(collector.corpus / "posts" / line["image"]) as image:
                image.load()
    assert len({line["author"] for line in lines}) == len({post.author for post in expected.values()})


def demand_politeness(site: RunningSite, topics: tuple[str, ...], n_kills: int) -> None:
    """Fail unless the site's own log shows that nothing forbidden was touched and nothing was fetched twice."""
    requests = site.requests()
    assert not [asked for asked in requests if asked["path"].startswith(("/private/", "/away", "/favicon"))]
    assert all(asked["agent"].startswith("tagsmith/") and "the tests" in asked["agent"] for asked in requests)
    # A kill may fall between an answer and its being noted: that one page or picture is asked for once more.
    once = site.answered("/p/", "/s/", "/media/")
    lasting = {hazard.path for hazard in build_hazards(lasting=True)}
    assert sum(times - 1 for path, times in once.items() if path not in lasting) <= n_kills
    assert not site.answered("/@")
    searched = {tag for topic in topics for tag in searched_by(topic)}
    assert {path.split("/")[3] for path in site.answered("/explore/tags/")} == searched


def test_a_crawl_is_walled_off_killed_and_slowed_down_and_ends_with_every_post_once(
    tmp_path: Path, open_site: Callable[[SiteRules], RunningSite]
) -> None:
    """A small part of what ``make crawl`` does in full."""
    topics = ("selfie", "babies")
    site = open_site(SiteRules(n_posts=70, wall_after=8, slow_down_every=11))
    collector = Collector(tmp_path, site, topics, timeout=30)
    walled = collector.run()
    assert walled.returncode == 2
    assert "without an account" in walled.stderr
    assert "--cookies" in walled.stderr
    login = ("--cookies", str(site.write_login(tmp_path / "cookies.txt")))
    n_kills = sum([collector.run_and_kill(random.Random(SEED).randint(10, 30), *login)])
    done = collector.run(*login)
    assert done.returncode == 0, done.stderr
    demand_the_expected_posts(collector, topics)
    demand_politeness(site, topics, n_kills)
    assert 429 in {asked["status"] for asked in site.requests()}
    before = site.n_requests()
    assert collector.run(*login).returncode == 0
    assert site.n_requests() == before, "there was nothing left to ask for"


@pytest.mark.crawl
def test_five_hundred_posts_over_ten_topics_survive_three_kills(
    tmp_path: Path, open_site: Callable[[SiteRules], RunningSite]
) -> None:
    """With every hazard that the site knows, and at moments that the seed draws."""
    topics = TOPICS
    site = open_site(SiteRules(n_posts=520, lasting=True, wall_after=40, slow_down_every=97, flaky_every=101))
    collector = Collector(tmp_path, site, topics, timeout=12)
    walled = collector.run()
    assert walled.returncode == 2
    assert "without an account" in walled.stderr
    login = ("--cookies", str(site.write_login(tmp_path / "cookies.txt")))
    draw = random.Random(SEED)
    moments = [draw.randint(50, 350) for _ in range(3)]
    print(f"seed {SEED}: killed after {moments} requests")
    assert all(collector.run_and_kill(moment, *login) for moment in moments)
    done = collector.run(*login)
    assert done.returncode == 0, done.stderr
    print(done.stdout)
    demand_the_expected_posts(collector, topics)
    demand_politeness(site, topics, len(moments))
    assert {429, 500, 302, 410} <= {asked["status"] for asked in site.requests()}
