"""Every source that fetches, against a server that speaks as its site does, over loopback."""

from __future__ import annotations

import pytest

from scraper.errors import CrawlError, LoginWall, PageBroken, PageRefused, PageUnreachable, TooManyRequests
from scraper.port import Target
from tests.support.social_sites.crawled import AGENT, everything, opened
from tests.support.social_sites.server import API_PATH, Fault, SocialSite, social_site
from tests.support.social_sites.world import picture_bytes, posts_under

POSTS = [*posts_under("cat", 45), *posts_under("dog", 3, first=100)]
CATS = [post for post in POSTS if post.tag == "cat"]
FREE = [post for post in CATS if post.number % 4 != 2]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mastodon", {f"home.example/{post.number}" for post in CATS}),
        ("commons", {f"M{post.number}" for post in FREE}),
        ("openverse", {f"00000000-0000-4000-8000-{post.number:012d}" for post in FREE}),
        ("instagram", {post.shortcode for post in CATS}),
    ],
)
def test_every_post_of_a_list_is_found_once(site: SocialSite, name: str, expected: set[str]) -> None:
    """Over all its pages, with a picture that is there; unfree photographs are left out."""
    with opened(name, site, page_size=10) as source:
        posts = everything(source, source.targets("pets", ["cat"]))
        assert sorted(post.post_id for post in posts) == sorted(expected)
        assert source.picture(posts[0].pictures[0]) in {picture_bytes(post.number) for post in CATS}
        assert all(post.author and post.caption for post in posts)


@pytest.mark.parametrize("name", sorted(API_PATH))
def test_every_request_says_who_asks(site: SocialSite, name: str) -> None:
    """Also those that a library would make in the name of a browser or a phone."""
    with opened(name, site) as source:
        everything(source, source.targets(None, ["dog"]))
    assert {asked.headers["user-agent"] for asked in site.log} == {AGENT}


@pytest.mark.parametrize("name", sorted(API_PATH))
def test_every_request_is_admitted(site: SocialSite, name: str) -> None:
    """The crawl admits the address that a source names; each other one the source has admitted itself."""
    admitted: list[str] = []
    with opened(name, site, admit=admitted.append, page_size=10) as source:
        for target in (*source.targets(None, ["cat"]), *source.targets(None, ["dog"])):
            admitted.append(source.address(target))
            source.fetch(target)
    asked = {f"{site.address}{request.path}" for request in site.log}
    assert asked <= {address.partition("?")[0] for address in admitted}


@pytest.mark.parametrize("name", sorted(API_PATH))
@pytest.mark.parametrize(
    ("how", "meaning"),
    [
        ("429", TooManyRequests),
        ("401", LoginWall),
        ("500", PageUnreachable),
        ("502", PageUnreachable),
        ("broken", PageBroken),
        ("huge", PageBroken),
        ("endless", PageUnreachable),
    ],
)
def test_trouble_is_told_apart(site: SocialSite, name: str, how: str, meaning: type[CrawlError]) -> None:
    """Wait, stop, try again later, or leave out; and the same target is fetched as ever once the trouble is over."""
    site.faults.append(Fault(API_PATH[name], how))
    with opened(name, site, timeout_s=1.0 if how == "endless" else 30.0) as source:
        (target,) = source.targets(None, ["dog"])
        with pytest.raises(CrawlError) as raised:
            source.fetch(target)
        assert type(raised.value) is meaning
    with opened(name, site) as source:
        assert source.fetch(target).posts


@pytest.mark.parametrize("name", sorted(API_PATH))
def test_the_wait_that_a_platform_names_is_passed_on(site: SocialSite, name: str) -> None:
    """It knows best when it has rested."""
    site.faults.append(Fault(API_PATH[name], "429", headers={"Retry-After": "37"}))
    with opened(name, site) as source, pytest.raises(TooManyRequests) as raised:
        source.fetch(source.targets(None, ["dog"])[0])
    assert raised.value.retry_after_s == 37


@pytest.mark.parametrize("name", sorted(API_PATH))
def test_nothing_is_asked_again_by_itself(site: SocialSite, name: str) -> None:
    """Libraries retry and sleep unless told not to; waiting is the crawl's."""
    site.faults.append(Fault(API_PATH[name], "500", times=5))
    with opened(name, site) as source, pytest.raises(PageUnreachable):
        source.fetch(source.targets(None, ["dog"])[0])
    assert sum(path.startswith(API_PATH[name]) for path in site.paths()) == 1


@pytest.mark.parametrize("name", sorted(API_PATH))
def test_a_server_that_is_gone_is_out_of_reach(name: str) -> None:
    """Nothing listens there any more."""
    with social_site() as server:
        pass
    with opened(name, server, timeout_s=2.0) as source, pytest.raises(PageUnreachable):
        source.fetch(source.targets(None, ["dog"])[0])


@pytest.mark.parametrize("name", sorted(API_PATH))
def test_a_kind_that_a_source_has_not_is_refused(site: SocialSite, name: str) -> None:
    """Feeds, stories and saved posts among them."""
    with opened(name, site) as source:
        for kind in ("feed", "stories", "saved"):
            with pytest.raises(PageRefused, match=kind):
                source.fetch(Target(kind, "lena"))
    assert site.paths() == []
