"""What robots.txt and X-Robots-Tag allow."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from scraper.errors import PageBroken, PageRefused, PageUnreachable, TooManyRequests
from scraper.port import WebAnswer
from scraper.web.robots import MAX_AGE_S, MAX_ROBOTS_BYTES, RETRY_S, Robots, demand_indexing


def answering(body: str | bytes, status: int = 200) -> Callable[[str], WebAnswer]:
    content = body.encode() if isinstance(body, str) else body
    return lambda address: WebAnswer(address, status, {}, content)


def failing(error: Exception) -> Callable[[str], WebAnswer]:
    def fetch(address: str) -> WebAnswer:
        raise error

    return fetch


def test_a_forbidden_path_is_refused_and_others_are_not() -> None:
    """The host is named in the message, the path is not, since it may hold a name."""
    robots = Robots(answering("User-agent: *\nDisallow: /private/\n"))
    robots.demand("https://a.example/tags/dog")
    with pytest.raises(PageRefused, match="a.example") as caught:
        robots.demand("https://a.example/private/anna")
    assert "anna" not in str(caught.value)


def test_rules_for_our_name_win_over_rules_for_all() -> None:
    """RFC 9309, 2.2.1: the group of the product's own name."""
    robots = Robots(answering("User-agent: *\nDisallow: /\n\nUser-agent: tagsmith\nDisallow: /x\n"))
    robots.demand("https://a.example/tags")
    with pytest.raises(PageRefused):
        robots.demand("https://a.example/x")


def test_the_longest_rule_wins_and_wildcards_count() -> None:
    """RFC 9309, 2.2.2 and 2.2.3."""
    robots = Robots(answering("User-agent: *\nDisallow: /p\nAllow: /p/open\nDisallow: /*.php$\n"))
    robots.demand("https://a.example/p/open/1")
    for path in ("/p/1", "/index.php"):
        with pytest.raises(PageRefused):
            robots.demand(f"https://a.example{path}")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_without_a_robots_txt_everything_is_allowed(status: int) -> None:
    """RFC 9309, 2.3.1.3."""
    Robots(answering("User-agent: *\nDisallow: /", status)).demand("https://a.example/")


@pytest.mark.parametrize("status", [500, 503, 429])
def test_where_the_server_fails_nothing_is_allowed_for_a_while(status: int) -> None:
    """RFC 9309, 2.3.1.4: unreachable means complete disallow; it may be tried again later."""
    with pytest.raises(PageUnreachable):
        Robots(answering("", status)).demand("https://a.example/")


@pytest.mark.parametrize(
    "error", [PageUnreachable("slow"), PageBroken("garbled"), TooManyRequests("slow down", retry_after_s=9.0)]
)
def test_a_robots_txt_that_cannot_be_had_closes_the_host(error: Exception) -> None:
    """No answer is no permission."""
    with pytest.raises(PageUnreachable):
        Robots(failing(error)).demand("https://a.example/")


def test_it_is_fetched_once_a_host_until_it_is_a_day_old() -> None:
    """A site's robots.txt is no load on the site, and a change in it reaches us."""
    asked: list[str] = []
    now = [0.0]

    def fetch(address: str) -> WebAnswer:
        asked.append(address)
        return WebAnswer(address, 200, {}, b"User-agent: *\nDisallow: /x")

    robots = Robots(fetch, clock=lambda: now[0])
    for path in ("/1", "/2", "/3"):
        robots.demand(f"https://a.example{path}")
    robots.demand("https://b.example:8443/1")
    assert asked == ["https://a.example/robots.txt", "https://b.example:8443/robots.txt"]
    now[0] = MAX_AGE_S + 1
    robots.demand("https://a.example/4")
    assert len(asked) == 3


def test_a_failure_is_asked_again_after_minutes_not_a_day() -> None:
    """A server that was down for a moment is not avoided until tomorrow."""
    now = [0.0]
    answers = [500, 200]
    robots = Robots(lambda address: WebAnswer(address, answers.pop(0), {}, b""), clock=lambda: now[0])
    with pytest.raises(PageUnreachable):
        robots.demand("https://a.example/")
    now[0] = RETRY_S + 1
    robots.demand("https://a.example/")


def test_a_wish_for_a_pause_is_read_and_bounded() -> None:
    """Crawl-delay and Request-rate count, the slower of both, and neither may stop the crawl for a day."""
    robots = Robots(answering("User-agent: *\nCrawl-delay: 7\nRequest-rate: 1/20\n"))
    robots.demand("https://a.example/")
    assert robots.pause_s("https://a.example/x") == 20.0
    endless = Robots(answering("User-agent: *\nCrawl-delay: 999999\n"))
    endless.demand("https://b.example/")
    assert endless.pause_s("https://b.example/") == 300.0


def test_what_lies_behind_the_bound_does_not_count() -> None:
    """A robots.txt without end cannot fill the memory."""
    body = b"User-agent: *\n" + b"#" * MAX_ROBOTS_BYTES + b"\nDisallow: /\n"
    Robots(answering(body)).demand("https://a.example/")


@pytest.mark.parametrize(
    "body", [b"\xff\xfe\x00garbage", b"", b"\xef\xbb\xbfUser-agent: *\nDisallow: /x", b"\x00" * 999]
)
def test_a_robots_txt_in_any_encoding_is_survived(body: bytes) -> None:
    """What cannot be read forbids nothing; a byte order mark hides no rule."""
    robots = Robots(answering(body))
    robots.demand("https://a.example/")
    if body.startswith(b"\xef"):
        with pytest.raises(PageRefused):
            robots.demand("https://a.example/x")


def test_an_operator_opts_out_of_one_host_by_name_and_it_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is ignored silently, and nothing besides the named host."""
    with caplog.at_level(logging.WARNING):
        robots = Robots(answering("User-agent: *\nDisallow: /"), opted_out=frozenset({"mine.example"}))
    assert "mine.example" in caplog.text
    robots.demand("https://mine.example/x")
    robots.demand("https://mine.example:8443/x")
    with pytest.raises(PageRefused):
        robots.demand("https://other.example/x")


@pytest.mark.parametrize(
    "value", ["noindex", "NOINDEX, nofollow", "none", "tagsmith: noindex", "foo: all, tagsmith: none", "noai"]
)
def test_x_robots_tag_forbids(value: str) -> None:
    """A header speaks where a page holds no markup."""
    with pytest.raises(PageRefused):
        demand_indexing({"x-robots-tag": value})


@pytest.mark.parametrize(
    "value", ["", "nofollow", "googlebot: noindex", "unavailable_after: 25 Jun 2030 15:00:00 GMT", "all"]
)
def test_x_robots_tag_of_others_does_not_concern_us(value: str) -> None:
    """What another robot is told is not told to us."""
    demand_indexing({"x-robots-tag": value})
