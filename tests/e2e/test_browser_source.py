"""The browser source itself: pages that go wrong, a browser that dies, and one that is orphaned."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.errors import InvalidOption
from scraper import errors
from scraper.browser.site_profile import read_profile
from scraper.browser.source import BrowserSource
from scraper.port import Page, Target
from scraper.sources import SourceOptions
from scraper.web.client import GuardedWeb
from tests.support.photo_site.hazards import Kind, build_hazards
from tests.support.photo_site.running import PROFILE, ROOT, RunningSite
from tests.support.photo_site.server import SiteRules
from tests.support.photo_site.world import SitePost

AGENT = "tagsmith/0 (the tests)"
LOCAL = frozenset({"127.0.0.1"})
PATHS = {hazard.kind: hazard.path for hazard in build_hazards(lasting=True)}

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True, scope="module")
def chromium() -> None:
    """Say loudly that nothing was shown where there is no browser."""
    pytest.importorskip("selenium", reason="SKIPPED, NOT RUN: the scrape extra is not installed")
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        pytest.skip("SKIPPED, NOT RUN: chromium and chromedriver (Debian: chromium, chromium-driver) are not installed")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSite]:
    """A site with all that can go wrong."""
    running = RunningSite(tmp_path_factory.mktemp("site"), SiteRules(n_posts=1000, lasting=True))
    yield running
    running.stop()


def permit(address: str) -> None:
    """Forbid what the site's robots.txt forbids."""
    if "/private/" in address:
        raise errors.PageRefused("robots.txt forbids this page")


def options(site: RunningSite, timeout_s: float) -> SourceOptions:
    """Return what a source over the site is given."""
    web = GuardedWeb(AGENT, allowed_hosts=LOCAL)
    given = {"instance": site.address, "files": PROFILE, "allowed_hosts": LOCAL, "page_timeout_s": timeout_s}
    return SourceOptions(web, permit, AGENT, permit, **given)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def source(site: RunningSite) -> Iterator[BrowserSource]:
    """One browser for all tests of the module, as a crawl has."""
    opened = BrowserSource(options(site, 30))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def posts(site: RunningSite) -> list[SitePost]:
    """The site's posts."""
    return list(site.posts().values())


def whole_list(source: BrowserSource, hashtag: str) -> list[Page]:
    """Return all parts of a list."""
    pages, target = [], Target("tag", hashtag, "a topic", hashtag)
    while True:
        page = source.fetch(target)
        pages.append(page)
        onward = [target for target in page.targets if target.kind == "tag"]
        if not onward:
            return pages
        target = onward[0]
        assert (target.topic, target.query_tag) == ("a topic", hashtag)


@pytest.mark.parametrize("hashtag", ["puppy", "sunset", "selfie"])
def test_a_list_is_scrolled_to_its_end(
    hashtag: str, source: BrowserSource, site: RunningSite, posts: list[SitePost]
) -> None:
    """With a place to go on, with rows that go when they leave the screen, without a place to go on."""
    found = [target.value for page in whole_list(source, hashtag) for target in page.targets if target.kind == "post"]
    assert len(set(found)) == len(found)
    shown = {f"{site.address}/p/{post.post_id}/" for post in posts if hashtag in post.listed_under}
    assert shown <= set(found)


@pytest.mark.parametrize("hashtag", ["puppy", "selfie"])
def test_a_list_is_taken_up_again_by_another_browser(hashtag: str, source: BrowserSource, site: RunningSite) -> None:
    """Where its first part ended: by an address, or by scrolling there again."""
    first = source.fetch(Target("tag", hashtag))
    onward = [target for target in first.targets if target.kind == "tag"]
    if not onward:
        pytest.fail("the list has one part only; give the site more posts")
    another = BrowserSource(options(site, 30))
    try:
        second = another.fetch(onward[0])
    finally:
        another.close()
    known = {target.value for target in first.targets}
    assert {target.value for target in second.targets if target.kind == "post"} - known


@pytest.mark.parametrize("topic", ["pets", "jewellery", "travel", "babies"])
def test_a_post_is_read_however_its_page_is_built(topic: str, source: BrowserSource, posts: list[SitePost]) -> None:
    """Schema.org data, OpenGraph, plain elements, and elements that a script builds."""
    wanted = next(post for post in posts if post.topic == topic)
    page = source.fetch(Target("post", wanted.post_id))
    (found,) = page.posts
    assert (found.post_id, found.caption, found.author) == (wanted.post_id, wanted.caption, wanted.author)
    assert found.time == wanted.time.isoformat()
    assert 0 < page.n_bytes < 100_000
    assert source.picture(found.pictures[0]).startswith(b"\xff\xd8")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("redirect_private", errors.PageRefused),
        ("redirect_away", errors.PageRefused),
        ("noindex_header", errors.PageRefused),
        ("noindex_meta", errors.PageRefused),
        ("gone", errors.PageRefused),
        ("garbage", errors.PageBroken),
        ("not_a_page", errors.PageBroken),
        ("cut_off", errors.PageBroken),
        ("huge", errors.PageBroken),
    ],
)
def test_a_page_that_goes_wrong_ends_in_its_own_error(
    kind: Kind, expected: type[errors.CrawlError], source: BrowserSource
) -> None:
    """And the next page is read as if nothing had been."""
    with pytest.raises(expected):
        source.fetch(Target("post", PATHS[kind]))


def test_pages_that_never_end_are_given_up_and_the_browser_goes_on(site: RunningSite, posts: list[SitePost]) -> None:
    """A server that says nothing, one that never stops, and a script that never ends."""
    source = BrowserSource(options(site, 6))
    try:
        for kind in ("slow", "endless", "stuck"):
            with pytest.raises(errors.PageUnreachable):
                source.fetch(Target("post", PATHS[kind]))
        assert source.fetch(Target("post", posts[0].post_id)).posts
    finally:
        source.close()


def test_a_browser_that_dies_is_started_anew(site: RunningSite, posts: list[SitePost]) -> None:
    """The page is tried again later."""
    source = BrowserSource(options(site, 30))
    try:
        source.fetch(Target("post", posts[0].post_id))
        assert source._browser is not None
        os.killpg(source._browser.driver.service.process.pid, signal.SIGKILL)
        with pytest.raises(errors.PageUnreachable):
            source.fetch(Target("post", posts[1].post_id))
        assert source.fetch(Target("post", posts[1].post_id)).posts
    finally:
        source.close()


ORPHAN = """
import os, signal
from pathlib import Path
from scraper.browser.chromium import BrowserNeeds, Chromium
browser = Chromium(BrowserNeeds("tagsmith/0 (the tests)", ["127.0.0.1"]))
print(os.getpgid(browser.driver.service.process.pid), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_crawl_leaves_no_browser_behind(tmp_path: Path) -> None:
    """It would be logged in, and nobody would look after it; what is left on the disk goes with the next browser."""
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", textwrap.dedent(ORPHAN)]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        group = int(process.stdout.readline())
    wait_until(lambda: not alive(group))
    left = list(tmp_path.glob("tagsmith-browser-*"))
    assert len(left) == 1
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        group = int(process.stdout.readline())
    assert not left[0].exists()
    wait_until(lambda: not alive(group))


def alive(group: int) -> bool:
    """Return whether a process of the group still runs."""
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, owner = status.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(owner) == group and state != "Z":
            return True
    return False


def wait_until(done: Callable[[], bool]) -> None:
    """Return when it is done."""
    for _ in range(500):
        if done():
            return
        time.sleep(0.02)
    pytest.fail("it was not done within ten seconds")


def test_nothing_forbidden_was_asked_for(site: RunningSite) -> None:
    """By any of the tests above; the site's pages try to, on every view."""
    assert not [asked for asked in site.requests() if asked["path"].startswith(("/private/", "/away", "/favicon"))]
    assert {asked["agent"] for asked in site.requests()} == {AGENT}


def test_another_sites_pages_are_refused_unopened(source: BrowserSource) -> None:
    """Whatever an operator or a page names."""
    with pytest.raises(errors.PageRefused, match="not one of"):
        source.fetch(Target("post", "http://localhost:1/p/x/"))


def test_a_site_that_is_no_address_is_refused() -> None:
    """Before anything is started."""
    given = {"instance": "photos.example/path", "files": PROFILE}
    with pytest.raises(InvalidOption, match="not the address of a server"):
        BrowserSource(SourceOptions(GuardedWeb(AGENT), permit, AGENT, **given))  # type: ignore[arg-type]


def test_without_a_description_the_site_is_instagram() -> None:
    """As the documentation says."""
    source = BrowserSource(SourceOptions(GuardedWeb(AGENT), permit, AGENT))
    (target,) = source.targets("pets", ["#Dog", "dog", "!"])
    assert (target.kind, target.value, target.topic, target.query_tag) == ("tag", "dog", "pets", "dog")
    assert source.address(target) == "https://www.instagram.com/explore/tags/dog/"
    assert read_profile(PROFILE).name == "the photo site"
