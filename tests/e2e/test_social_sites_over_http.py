"""What is particular to each site: its walls, its parts, its ways to say no; over HTTP against a local server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from scraper.crawling.pace import Pace, PaceLimits
from scraper.crawling.politeness import Politeness
from scraper.errors import CrawlError, LoginWall, PageBroken, PageRefused, PageUnreachable, TooManyRequests
from scraper.port import Target, WebAnswer
from scraper.top_hashtags import top_hashtags
from tests.support.social_sites.crawled import everything, opened, session_file
from tests.support.social_sites.fediverse import FediverseApi
from tests.support.social_sites.instagram import InstagramApi
from tests.support.social_sites.server import Fault, SocialSite, social_site
from tests.support.social_sites.wiki import OpenverseApi, WikiApi
from tests.support.social_sites.world import posts_under

POSTS = [*posts_under("cat", 45), *posts_under("dog", 3, first=100)]
CATS = [post for post in POSTS if post.tag == "cat"]


# ---- Mastodon and Pixelfed -----------------------------------------------------------------------


def test_mastodons_own_way_to_name_the_wait_is_understood(site: SocialSite) -> None:
    """It sends no Retry-After but the moment at which its window ends."""
    reset = datetime.now(UTC) + timedelta(seconds=120)
    site.faults.append(Fault("/api/v1/timelines", "429", headers={"X-RateLimit-Reset": reset.isoformat()}))
    with opened("mastodon", site) as source, pytest.raises(TooManyRequests) as raised:
        source.fetch(source.targets(None, ["dog"])[0])
    assert raised.value.retry_after_s == pytest.approx(120, abs=20)


def test_an_instance_that_asks_to_slow_down_is_asked_no_more(site: SocialSite) -> None:
    """Mastodon.py looks at an instance's description first, and would go on whatever came of it."""
    site.faults.append(Fault("/api/v2/instance", "429", headers={"Retry-After": "9"}))
    with opened("mastodon", site) as source, pytest.raises(TooManyRequests):
        source.fetch(source.targets(None, ["dog"])[0])
    assert site.paths() == ["/api/v2/instance/"]


def test_the_address_of_a_page_is_the_one_that_is_asked(site: SocialSite) -> None:
    """Robots.txt and the rate are held for what is fetched, not for something like it."""
    with opened("mastodon", site, page_size=10) as source:
        (first,) = source.targets(None, ["cat"])
        (second,) = source.fetch(first).targets
        source.fetch(second)
        asked = [
            f"{request.path}?{'&'.join(f'{name}={value}' for name, value in request.query.items())}"
            for request in site.log[1:]
        ]
        assert [f"{site.address}{path}" for path in asked] == [source.address(first), source.address(second)]


def test_pixelfed_shows_hashtags_to_accounts_only() -> None:
    """Without a token the crawl stops and says so; with one every post comes, in pages without a Link."""
    with social_site() as server:
        server.routes.append(FediverseApi(server.address, POSTS, pixelfed=True, token="my-token"))
        with opened("mastodon", server) as source, pytest.raises(LoginWall, match="access token"):
            source.fetch(source.targets(None, ["cat"])[0])


def test_pixelfed_is_read_with_a_token(tmp_path: Path) -> None:
    """Its posts have a licence where their author stated one, and its token goes to it alone."""
    (tmp_path / "token").write_text("my-token\n")
    with social_site() as server, social_site() as elsewhere:
        server.routes.append(FediverseApi(server.address, POSTS, pixelfed=True, token="my-token"))
        with opened("mastodon", server, cookies=tmp_path / "token", page_size=20) as source:
            posts = everything(source, source.targets(None, ["cat"]))
            source.picture(f"{elsewhere.address}/pictures/1.jpg")
        assert len(posts) == len({post.post_id for post in posts}) == len(CATS)
        assert {post.licence for post in posts} == {None, "CC BY-SA"}
        assert "authorization" not in elsewhere.log[0].headers


def test_people_who_do_not_want_to_be_found_are_not(site: SocialSite) -> None:
    """Whatever else the timeline shows of them."""
    changes: dict[int, dict[str, Any]] = {100: {"account.noindex": True}, 101: {"visibility": "unlisted"}}
    site.routes.insert(0, FediverseApi(site.address, POSTS, changes=changes))
    with opened("mastodon", site) as source:
        assert [post.post_id for post in everything(source, source.targets(None, ["dog"]))] == ["home.example/102"]


# ---- Commons and Openverse -----------------------------------------------------------------------


def test_a_page_that_comes_in_parts_is_one_page() -> None:
    """MediaWiki sends properties in several answers; every photograph has all of its categories, and comes once."""
    with social_site() as whole, social_site() as parts:
        whole.routes.append(WikiApi("http://pictures.example", POSTS))
        parts.routes.append(WikiApi("http://pictures.example", POSTS, in_parts=True))
        found = []
        for server in (whole, parts):
            with opened("commons", server, page_size=10) as source:
                found.append(everything(source, source.targets("pets", ["cat"])))
        assert found[0] == found[1]
        assert len(parts.log) == 2 * len(whole.log)


def test_the_operator_chooses_the_licences(site: SocialSite) -> None:
    """A corpus for one's own research may hold what a corpus to be shipped may not."""
    with opened("commons", site, licences=("by-nc",)) as source:
        posts = everything(source, source.targets(None, ["cat"]))
    assert {post.licence for post in posts} == {"CC BY-NC 2.0"}
    assert all(post.attribution and "author_" in post.attribution for post in posts)


def test_openverse_is_not_asked_beyond_what_it_gives_without_a_key(site: SocialSite) -> None:
    """Its pages end at 240 photographs, and have 20 at most."""
    site.routes.insert(0, OpenverseApi(site.address, posts_under("sea", 400)))
    with opened("openverse", site, page_size=100) as source:
        everything(source, source.targets(None, ["sea"]))
    assert [asked.query["page"] for asked in site.log] == [str(number) for number in range(1, 13)]


# ---- Instagram -----------------------------------------------------------------------------------


@pytest.fixture
def walled() -> Iterator[SocialSite]:
    """Run an Instagram that shows hashtags and places to accounts alone."""
    with social_site() as server:
        server.routes.append(InstagramApi(server.address, POSTS))
        yield server


@pytest.mark.parametrize("target", [Target("tag", "cat"), Target("location", "123")], ids=lambda target: target.kind)
def test_a_login_page_is_a_wall(walled: SocialSite, target: Target) -> None:
    """The crawl stops there, and is told what to do."""
    with opened("instagram", walled) as source, pytest.raises(LoginWall, match="session file"):
        source.fetch(target)


@pytest.mark.parametrize(
    ("target", "n_posts"),
    [
        (Target("tag", "cat"), 45),
        (Target("location", "123"), 48),
        (Target("profile", "author_1"), 10),
        (Target("post", "Cpost00007"), 1),
    ],
    ids=lambda value: getattr(value, "kind", str(value)),
)
def test_a_saved_session_opens_what_accounts_see(
    walled: SocialSite, tmp_path: Path, target: Target, n_posts: int
) -> None:
    """Every post of the list, once, over all its pages."""
    with opened("instagram", walled, cookies=session_file(tmp_path)) as source:
        posts = everything(source, [target])
    assert len(posts) == len({post.post_id for post in posts}) == n_posts


def test_a_visitor_sees_a_profiles_newest_posts(walled: SocialSite) -> None:
    """Their addresses stand in its page, and each is a target of its own."""
    with opened("instagram", walled) as source:
        page = source.fetch(Target("profile", "author_1", "pets"))
        assert {target.kind for target in page.targets} == {"post"}
        assert {target.topic for target in page.targets} == {"pets"}
        posts = everything(source, page.targets)
    assert {post.author for post in posts} == {"author_1"}
    assert len(posts) == 10


def test_a_profile_that_is_not_there_is_left_out(walled: SocialSite) -> None:
    """It will not come back by itself."""
    with opened("instagram", walled) as source, pytest.raises(PageRefused):
        source.fetch(Target("profile", "nobody"))


@pytest.mark.parametrize(
    ("status", "body", "meaning"),
    [
        ("400", b'{"message":"checkpoint_required","status":"fail"}', LoginWall),
        ("400", b'{"message":"feedback_required","status":"fail"}', LoginWall),
        ("403", b'{"message":"login_required","status":"fail"}', LoginWall),
        ("403", b"forbidden", PageRefused),
        ("401", b'{"message":"Please wait a few minutes before you try again.","status":"fail"}', TooManyRequests),
        ("404", b"{}", PageRefused),
        ("200", b'{"status":"fail"}', PageUnreachable),
        ("200", b'{"data":{"hashtag":null},"status":"ok"}', PageBroken),
        ("200", b"<html>", PageBroken),
    ],
)
def test_what_instagram_says_is_understood(
    site: SocialSite, status: str, body: bytes, meaning: type[CrawlError]
) -> None:
    """It has many ways to say no, and each wants something else of the crawl."""
    site.faults.append(Fault("/graphql", status, body=body))
    with opened("instagram", site) as source, pytest.raises(CrawlError) as raised:
        source.fetch(source.targets(None, ["cat"])[0])
    assert type(raised.value) is meaning


def test_a_session_is_told_to_instagram_alone(walled: SocialSite, tmp_path: Path) -> None:
    """Pictures lie elsewhere, and are fetched without it."""
    with (
        social_site() as elsewhere,
        opened("instagram", walled, cookies=session_file(tmp_path)) as source,
    ):
        source.fetch(Target("tag", "cat"))
        source.picture(f"{elsewhere.address}/pictures/1.jpg")
        assert "secret-session" in walled.log[0].headers["cookie"]
        assert "cookie" not in elsewhere.log[0].headers


# ---- top hashtags --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "hashtags"),
    [("mastodon", ["cat", "cats"]), ("instagram", ["cat", "cats", "catlovers", "cat_of_instagram"])],
)
def test_platforms_rank_hashtags_for_a_word(site: SocialSite, name: str, hashtags: list[str]) -> None:
    """In their own order, with the figures that they give."""
    with opened(name, site) as source:
        found = top_hashtags(source, "cat")
    assert [tag.hashtag for tag in found] == hashtags
    assert [tag.rank for tag in found] == list(range(1, len(hashtags) + 1))
    assert all(tag.days if name == "mastodon" else tag.n_posts for tag in found)


def test_trends_have_their_days(site: SocialSite) -> None:
    """Mastodon counts a hashtag's posts and accounts for each of seven days."""
    with opened("mastodon", site) as source:
        (first, *_) = top_hashtags(source, "")
    assert first.hashtag == "silentsunday"
    assert [day.day for day in first.days][:2] == ["2026-03-01", "2026-02-28"]
    assert (first.days[0].n_posts, first.days[0].n_accounts) == (30, 9)


def test_instagram_has_no_trends(site: SocialSite) -> None:
    """It is said, not answered with nothing."""
    with opened("instagram", site) as source, pytest.raises(PageRefused, match="no trends"):
        top_hashtags(source, "")


@pytest.mark.parametrize(
    ("target", "session", "first", "later"),
    [
        (Target("tag", "cat"), True, 1, 1),
        (Target("location", "123"), True, 1, 1),
        (Target("profile", "author_1"), True, 4, 3),
        (Target("post", "Cpost00007"), True, 1, 1),
        (Target("profile", "author_1"), False, 1, 1),
        (Target("post", "Cpost00007"), False, 3, 2),
    ],
    ids=lambda value: getattr(value, "kind", str(value)),
)
def test_a_page_of_instagram_costs_as_many_requests_as_written(
    walled: SocialSite, tmp_path: Path, target: Target, session: bool, first: int, later: int
) -> None:
    """The decision record says how many; more would wear out the account."""
    with opened("instagram", walled, cookies=session_file(tmp_path) if session else None) as source:
        for expected in (first, later):
            del walled.log[:]
            source.fetch(target)
            assert len(walled.log) == expected


@pytest.mark.parametrize(
    ("target", "session", "n_waits"),
    [
        (Target("tag", "cat"), True, 0),
        (Target("location", "123"), True, 0),
        (Target("post", "Cpost00007"), True, 0),
        (Target("profile", "author_1"), False, 0),
        (Target("profile", "author_1"), True, 2),
    ],
    ids=lambda value: getattr(value, "kind", str(value)),
)
def test_the_page_that_the_crawl_waited_for_is_not_waited_for_again(
    walled: SocialSite, tmp_path: Path, target: Target, session: bool, n_waits: int
) -> None:
    """The crawl grants the address that the source names; each further request of the same fetch waits its turn."""
    waits: list[float] = []
    limits = PaceLimits(pause_s=5.0, jitter=0.0, first_back_off_s=1.0, longest_wait_s=100.0, refusals=3)
    pace = Pace(limits, clock=lambda: 1000.0 + sum(waits), sleep=waits.append)
    with closing(Politeness(pace, lambda address, max_bytes: WebAnswer(address, 404, {}, b""), tmp_path)) as politeness:
        cookies = session_file(tmp_path) if session else None
        with opened("instagram", walled, cookies=cookies, admit=politeness.admit) as source:
            for _ in range(2):
                politeness.grant(source.address(target))
                del waits[1:]
                source.fetch(target)
    assert len(waits) - 1 == n_waits


def test_a_full_window_is_told_not_slept_through(walled: SocialSite, tmp_path: Path) -> None:
    """Instaloader knows how many queries Instagram takes; the crawl learns how long to wait, and keeps its state."""
    with opened("instagram", walled, cookies=session_file(tmp_path)) as source:
        for _ in range(75):
            source.fetch(Target("location", "123"))
        n_asked = len(walled.log)
        with pytest.raises(TooManyRequests) as raised:
            source.fetch(Target("location", "123"))
    assert len(walled.log) == n_asked
    assert raised.value.retry_after_s == pytest.approx(660, abs=60)
