"""Everything that comes before a request."""

from __future__ import annotations

from pathlib import Path

import pytest

from scraper.crawling.pace import Pace
from scraper.crawling.politeness import Politeness
from scraper.errors import HostBusy, PageRefused
from scraper.port import WebAnswer
from tests.unit.scraper.crawl_world import LIMITS, FakeTime


def politeness_of(tmp_path: Path, time: FakeTime, body: bytes = b"") -> Politeness:
    def read_start(address: str, max_bytes: int) -> WebAnswer:
        return WebAnswer(address, 200, {}, body)

    pace = Pace(LIMITS, clock=time.clock, sleep=time.sleep, draw=lambda: 0.0)
    return Politeness(pace, read_start, tmp_path)


def test_asking_for_robots_txt_is_a_request_too(tmp_path: Path) -> None:
    """The first page waits its turn after it."""
    time = FakeTime()
    politeness_of(tmp_path, time).admit("https://a.example/1")
    assert time.slept == 1.0


def test_what_was_granted_does_not_wait_a_second_time(tmp_path: Path) -> None:
    """The crawl grants a page, the source's own client admits it: that is one request, and the next is another."""
    time = FakeTime()
    politeness = politeness_of(tmp_path, time)
    politeness.grant("https://a.example/1")
    before = time.slept
    politeness.admit("https://a.example/1")
    assert time.slept == before
    politeness.admit("https://a.example/1")
    assert time.slept == before + 1.0


def test_a_grant_without_a_query_is_for_whatever_query_the_source_adds(tmp_path: Path) -> None:
    """It is one request all the same; robots.txt holds for the address that is asked."""
    time = FakeTime()
    politeness = politeness_of(tmp_path, time, b"User-agent: *\nDisallow: /*?secret\n")
    politeness.grant("https://a.example/query")
    before = time.slept
    politeness.admit("https://a.example/query?after=2")
    assert time.slept == before
    politeness.grant("https://a.example/query")
    with pytest.raises(PageRefused):
        politeness.admit("https://a.example/query?secret=1")


def test_a_grant_is_for_one_address(tmp_path: Path) -> None:
    """A source that asks for something else waits for it."""
    time = FakeTime()
    politeness = politeness_of(tmp_path, time)
    politeness.grant("https://a.example/1")
    before = time.slept
    politeness.admit("https://a.example/other")
    assert time.slept == before + 1.0


def test_what_a_page_loads_is_allowed_or_not_and_does_not_wait(tmp_path: Path) -> None:
    """One page view is one request; robots.txt holds for all of it."""
    time = FakeTime()
    politeness = politeness_of(tmp_path, time, b"User-agent: *\nDisallow: /private\n")
    politeness.grant("https://a.example/1")
    before = time.slept
    politeness.permit("https://a.example/data.json")
    assert time.slept == before
    with pytest.raises(PageRefused):
        politeness.permit("https://a.example/private/data.json")


def test_robots_txt_sets_the_pause_where_it_wants_a_longer_one(tmp_path: Path) -> None:
    """From the first page on."""
    time = FakeTime()
    politeness = politeness_of(tmp_path, time, b"User-agent: *\nCrawl-delay: 20\n")
    politeness.admit("https://a.example/1")
    before = time.slept
    politeness.admit("https://a.example/2")
    assert time.slept == before + 20.0


def test_a_host_that_another_crawl_holds_is_refused_until_it_is_given_back(tmp_path: Path) -> None:
    """Whoever comes second waits for the first one's end, not for its pauses."""
    first, second = (politeness_of(tmp_path, FakeTime()) for _ in range(2))
    first.admit("https://a.example/1")
    with pytest.raises(HostBusy, match=r"a\.example"):
        second.admit("https://a.example/2")
    second.admit("https://b.example/1")
    first.close()
    second.admit("https://a.example/2")
    second.close()


@pytest.mark.parametrize(
    "address", ["https://a.example:8443/x", "http://[2001:db8::1]/x", "https://xn--bcher-kva.example/"]
)
def test_any_host_can_be_held(address: str, tmp_path: Path) -> None:
    """Ports and brackets make no path."""
    politeness = politeness_of(tmp_path / "deep", FakeTime())
    politeness.admit(address)
    politeness.close()
    (lock,) = (tmp_path / "deep" / "hosts").iterdir()
    assert lock.suffix == ".lock"
