"""What every source keeps to, whatever it reads: each implementation passes the same class."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from scraper.errors import CrawlError, PageRefused
from scraper.port import FoundPost, Page, PageSource, Target
from scraper.sources import SOURCES, open_source
from tests.support.dump_world import export_files, file_options, save_export, save_instaloader
from tests.support.photo_site.hazards import is_doubled
from tests.support.photo_site.running import PROFILE, RunningSite
from tests.support.photo_site.server import SiteRules
from tests.support.photo_site.world import build_posts
from tests.support.social_sites.crawled import opened, session_file
from tests.support.social_sites.fediverse import FediverseApi
from tests.support.social_sites.instagram import InstagramApi
from tests.support.social_sites.server import social_site
from tests.support.social_sites.wiki import OpenverseApi, WikiApi
from tests.support.social_sites.world import picture_bytes, posts_under

POSTS = posts_under("dog", 25)
SITE_POSTS = [post for post in build_posts(60, SiteRules().seed) if "dog" in post.listed_under]
NAMES = {post.author for post in POSTS} | {post.author for post in SITE_POSTS}
Open = Callable[[ExitStack, Path], PageSource]


@dataclass(frozen=True, slots=True)
class Case:
    """One source and where its posts are.

    Attributes:
        name: of the source, as in the registry.
        open: opens it over :data:`POSTS`; what it needs is closed with the stack.
        n_posts: how many of them it shows.
        n_doubled: how many of these it shows under a second address, too.
    """

    name: str
    open: Open
    n_posts: int = len(POSTS)
    n_doubled: int = 0


def over_http(name: str, api: Callable[[str, list[Any]], Any]) -> Open:
    """Return how to open a source that asks a local platform."""

    def run(stack: ExitStack, folder: Path) -> PageSource:
        server = stack.enter_context(social_site())
        server.routes.append(api(server.address, POSTS))
        cookies = session_file(folder) if name == "instagram" else None
        source: PageSource = stack.enter_context(opened(name, server, cookies=cookies, page_size=10))
        return source

    return run


def in_chromium(stack: ExitStack, folder: Path) -> PageSource:
    """Open the real browser on the local photo-sharing site, or say loudly that nothing is shown."""
    if not (find_spec("selenium") and shutil.which("chromium") and shutil.which("chromedriver")):
        pytest.skip("SKIPPED, NOT RUN: the browser needs selenium, chromium and chromedriver")
    site = RunningSite(folder, SiteRules(n_posts=60, hazards=False))
    stack.callback(site.stop)
    source: PageSource = stack.enter_context(opened("browser", site, files=PROFILE, timeout_s=30.0))
    return source


def over_files(name: str, write: Callable[[Path], Path]) -> Open:
    """Return how to open a source that reads files."""

    def run(stack: ExitStack, folder: Path) -> PageSource:
        columns = {"caption": "text", "author": "who", "pictures": "file"} if "table" in write.__name__ else {}
        source = open_source(name, file_options(write(folder / "files"), **columns))
        stack.callback(source.close)
        return source

    return run


def instaloader_folder(folder: Path) -> Path:
    """Write the posts as Instaloader does."""
    for post in POSTS:
        save_instaloader(folder / post.author, post, form="json.xz" if post.number % 2 else "json")
    return folder


def export_folder(folder: Path) -> Path:
    """Write the posts as Instagram's export does."""
    return save_export(folder, POSTS)


def export_archive(folder: Path) -> Path:
    """Write the posts as Instagram's export does, unopened."""
    return save_export(folder.with_suffix(".zip"), POSTS)


def table(folder: Path) -> Path:
    """Write the posts as JSON lines with columns of their own."""
    folder.mkdir()
    for post in POSTS:
        (folder / f"{post.number}.jpg").write_bytes(picture_bytes(post.number))
    rows = ({"text": post.caption, "who": post.author, "file": f"{post.number}.jpg"} for post in POSTS)
    (folder / "posts.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


def recording(folder: Path) -> Path:
    """Write the posts as recorded pages, ten each."""
    (folder / "pages").mkdir(parents=True)
    (folder / "pictures").mkdir()
    for begin in range(0, len(POSTS), 10):
        page: dict[str, Any] = {"posts": []}
        for post in POSTS[begin : begin + 10]:
            (folder / "pictures" / f"{post.number}.jpg").write_bytes(picture_bytes(post.number))
            found = {"post_id": post.shortcode, "caption": post.caption, "author": post.author}
            page["posts"].append({**found, "pictures": [f"pictures/{post.number}.jpg"]})
        if begin + 10 < len(POSTS):
            page["targets"] = [{"kind": "tag", "value": "dog", "cursor": str(begin + 10)}]
        target: dict[str, Any] = {"kind": "tag", "value": "dog"} | ({"cursor": str(begin)} if begin else {})
        (folder / "pages" / f"{begin}.json").write_text(json.dumps({"target": target, "page": page}))
    return folder


N_FREE = sum(post.number % 4 != 2 for post in POSTS)
CASES = {
    "browser": Case("browser", in_chromium, len(SITE_POSTS), sum(map(is_doubled, SITE_POSTS))),
    "mastodon": Case("mastodon", over_http("mastodon", FediverseApi)),
    "pixelfed": Case("mastodon", over_http("mastodon", lambda base, posts: FediverseApi(base, posts, pixelfed=True))),
    "commons": Case("commons", over_http("commons", WikiApi), N_FREE),
    "openverse": Case("openverse", over_http("openverse", OpenverseApi), N_FREE),
    "instagram": Case("instagram", over_http("instagram", InstagramApi)),
    "instaloader folder": Case("dump", over_files("dump", instaloader_folder)),
    "export folder": Case("dump", over_files("dump", export_folder)),
    "export archive": Case("dump", over_files("dump", export_archive)),
    "table": Case("dump", over_files("dump", table)),
    "replay": Case("replay", over_files("replay", recording)),
}


SLOW = {"browser"}
PARAMETERS = [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in CASES]


@pytest.fixture(params=PARAMETERS, scope="class")
def case(request: pytest.FixtureRequest) -> Case:
    """Return each source in turn."""
    return CASES[request.param]


@pytest.fixture(scope="class")
def source(case: Case, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageSource]:
    """Open the source."""
    with ExitStack() as stack:
        yield case.open(stack, tmp_path_factory.mktemp("source"))


def pages_of(source: PageSource) -> list[tuple[Target, Page]]:
    """Return every page, each target once, and what was fetched for it."""
    pages: list[tuple[Target, Page]] = []
    waiting = list(source.targets("pets", ["dog"]))
    while waiting:
        target = waiting.pop(0)
        page = source.fetch(target)
        pages.append((target, page))
        waiting += page.targets
        assert len(pages) < 100, "the list has no end"
    return pages


@pytest.fixture(scope="class")
def pages(source: PageSource) -> list[tuple[Target, Page]]:
    """Fetch everything once for all tests of a source."""
    return pages_of(source)


class TestPageSource:
    """Held by every source."""

    def test_it_calls_itself_as_the_registry_does(self, case: Case, source: PageSource) -> None:
        """The name stands in every post."""
        assert source.name == case.name

    def test_every_post_comes_once(self, case: Case, pages: list[tuple[Target, Page]]) -> None:
        """Over all pages of a list; under a second address it is the same post with the same id."""
        posts = [post for _, page in pages for post in page.posts]
        assert len({post.post_id for post in posts}) == len(set(posts)) == case.n_posts
        assert len(posts) == case.n_posts + case.n_doubled

    def test_no_target_comes_twice(self, pages: list[tuple[Target, Page]]) -> None:
        """A list leads on, never back."""
        targets = [(target.kind, target.value, target.cursor) for target, _ in pages]
        assert len(targets) == len(set(targets))

    def test_the_same_target_gives_the_same_page(self, source: PageSource, pages: list[tuple[Target, Page]]) -> None:
        """Whatever was fetched in between: a source keeps no state, so a crawl can go on anywhere."""
        for target, page in (pages[-1], pages[0]):
            again = source.fetch(target)
            assert (again.posts, again.targets) == (page.posts, page.targets)

    def test_a_target_outlives_the_process(self, pages: list[tuple[Target, Page]]) -> None:
        """It is plain text, and short enough to be kept by the hundred thousand."""
        for target, _ in pages:
            assert isinstance(target.cursor, str | None)
            assert len(f"{target.kind}{target.value}{target.cursor}") < 500

    def test_topic_and_hashtag_go_with_every_target(self, pages: list[tuple[Target, Page]]) -> None:
        """The posts of a later page belong to the topic of the first; a crawl fills in what a recording lacks."""
        first, page = pages[0]
        assert first.topic == "pets"
        assert first.query_tag in ("dog", None)
        for target in page.targets:
            assert (target.topic, target.query_tag) in ((first.topic, first.query_tag), (None, None))

    def test_captions_keep_their_hashtags_where_they_stood(self, case: Case, pages: list[tuple[Target, Page]]) -> None:
        """Or the hashtags stand beside them."""
        for _, page in pages:
            for post in page.posts:
                assert "dog" in post.caption.lower()
                assert "#dog" in post.caption or post.hashtags

    def test_an_id_names_nobody(self, case: Case, pages: list[tuple[Target, Page]]) -> None:
        """It stays in the corpus, where authors are hashed."""
        for _, page in pages:
            for post in page.posts:
                assert 0 < len(post.post_id) <= 200
                assert not any(name in post.post_id for name in NAMES)

    def test_times_have_an_offset(self, pages: list[tuple[Target, Page]]) -> None:
        """A time without one is a guess."""
        for post in (post for _, page in pages for post in page.posts):
            assert post.time is None or datetime.fromisoformat(post.time).tzinfo is not None

    def test_every_picture_that_is_named_can_be_had(self, source: PageSource, pages: list[tuple[Target, Page]]) -> None:
        """It is the post's own."""
        post = next(post for _, page in pages for post in page.posts)
        assert source.picture(post.pictures[0]).startswith(b"\xff\xd8")

    @pytest.mark.parametrize("address", ["", "gone.jpg", "../../etc/passwd", "file:///etc/passwd", "ftp://a/b", "\0"])
    def test_a_picture_that_is_none_is_an_error_of_the_crawl(self, source: PageSource, address: str) -> None:
        """Never a file of the machine, never a traceback."""
        with pytest.raises(CrawlError):
            source.picture(address)

    def test_a_target_of_another_kind_is_refused(self, source: PageSource) -> None:
        """It is left out; the crawl goes on."""
        with pytest.raises(PageRefused):
            source.fetch(Target("saved", "lena"))

    def test_an_address_is_one_of_the_web_or_none(self, case: Case, source: PageSource) -> None:
        """Robots.txt and the rate are held by it."""
        (network,) = (kind.network for kind in SOURCES if kind.name == case.name)
        for target in source.targets("pets", ["dog"]):
            address = source.address(target)
            assert (address or "").startswith("http://127.0.0.1:") is network


def test_every_source_of_the_registry_is_held_to_the_contract() -> None:
    """A new source has to pass the class."""
    assert {case.name for case in CASES.values()} == {kind.name for kind in SOURCES}


def test_found_posts_are_told_apart_by_their_ids() -> None:
    """The world of these tests has as many ids as posts, so that the counts above mean something."""
    assert len({post.shortcode for post in POSTS}) == len(POSTS)
    assert len(export_files(POSTS)) == len(POSTS) + 2
    assert FoundPost("1", "a") != FoundPost("2", "a")
