"""What network events say of a page, without a browser."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.browser.page_watch import MAX_DOCUMENT_BYTES, MAX_REQUESTS, PageWatch
from scraper.errors import CrawlError, LoginWall, PageBroken, PageRefused, PageUnreachable, TooManyRequests

FRAME, PAGE = "F", "L"


def watch(max_bytes: int = 1000) -> PageWatch:
    """Return a watch that has seen its page being asked for."""
    found = PageWatch(FRAME, "photos.example", max_bytes=max_bytes)
    ask(found, PAGE, "Document")
    return found


def ask(page: PageWatch, request: str, kind: str, frame: str = FRAME, url: str = "https://photos.example/") -> None:
    """Have a request begin."""
    params = {"requestId": request, "type": kind, "frameId": frame, "request": {"url": url}}
    page.see("Network.requestWillBeSent", params)


def receive(page: PageWatch, request: str, decoded: int, encoded: int = 0) -> None:
    """Have bytes come."""
    page.see("Network.dataReceived", {"requestId": request, "dataLength": decoded, "encodedDataLength": encoded})


def finish(page: PageWatch, request: str, n_bytes: int) -> None:
    """Have a request come to its end."""
    page.see("Network.loadingFinished", {"requestId": request, "encodedDataLength": n_bytes})


def answer(page: PageWatch, kind: str, status: int, **headers: str) -> None:
    """Have an answer to something that the page asked for begin."""
    response = {"status": status, "url": "https://photos.example/api", "headers": headers}
    page.see("Network.responseReceived", {"requestId": "A", "type": kind, "response": response})


def ready(page: PageWatch, loader: str = PAGE) -> None:
    """Have a page be parsed."""
    page.see("Page.lifecycleEvent", {"loaderId": loader, "name": "DOMContentLoaded"})


def test_a_page_is_ready_when_it_is_parsed() -> None:
    """The one before it does not count."""
    early, late = watch(), watch()
    ready(early, "the page before")
    ready(late)
    assert (early.ready, late.ready) == (False, True)


def test_another_page_in_its_place_begins_anew() -> None:
    """A page may lead on to another one by script."""
    page = watch()
    ask(page, "S", "Script")
    ready(page)
    ask(page, "L2", "Document")
    assert not page.ready
    finish(page, "L2", 10)
    assert page.quiet


def test_a_frame_in_the_page_is_not_the_page() -> None:
    """Whatever becomes of it."""
    page = watch()
    ready(page)
    ask(page, "X", "Document", frame="another frame")
    page.see("Network.loadingFailed", {"requestId": "X", "errorText": "net::ERR_FAILED"})
    page.demand()
    assert page.ready


def test_a_page_is_quiet_when_nothing_is_under_way() -> None:
    """Done or failed."""
    page = watch()
    ask(page, "S", "Script")
    finish(page, PAGE, 10)
    under_way = page.quiet
    page.see("Network.loadingFailed", {"requestId": "S", "errorText": "net::ERR_BLOCKED_BY_CLIENT"})
    assert (under_way, page.quiet) == (False, True)
    page.demand()


def test_bytes_are_counted_as_they_travelled() -> None:
    """Decoded only as long as nobody knows better, and without what the browser shows in place of a failure."""
    page = watch()
    receive(page, PAGE, 500, 100)
    assert page.n_bytes == 500
    finish(page, PAGE, 130)
    ask(page, "S", "Script")
    page.see("Network.loadingFailed", {"requestId": "S", "errorText": "net::ERR_FAILED"})
    receive(page, "S", 400)
    assert page.n_bytes == 130


def test_a_page_that_loads_too_much_is_broken() -> None:
    """Decoded bytes count: a small answer may unpack to a large page."""
    page = watch(max_bytes=1000)
    receive(page, PAGE, 600)
    page.demand()
    receive(page, PAGE, 600, 10)
    with pytest.raises(PageBroken, match="loads more than"):
        page.demand()


def test_a_page_that_asks_for_ever_more_is_broken() -> None:
    """However small the answers are."""
    page = watch()
    for number in range(MAX_REQUESTS):
        ask(page, f"S{number}", "Fetch")
    with pytest.raises(PageBroken, match="requests"):
        page.demand()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("net::ERR_NAME_NOT_RESOLVED", PageUnreachable),
        ("net::ERR_CONNECTION_REFUSED", PageUnreachable),
        ("net::ERR_TIMED_OUT", PageUnreachable),
        ("net::ERR_ABORTED", PageBroken),
        ("net::ERR_CONTENT_DECODING_FAILED", PageBroken),
        ("net::ERR_TOO_MANY_REDIRECTS", PageBroken),
        ("", PageUnreachable),
    ],
)
def test_a_failure_is_the_networks_or_the_pages(text: str, expected: type[CrawlError]) -> None:
    """The first is tried again, the second is not."""
    page = watch()
    page.see("Network.loadingFailed", {"requestId": PAGE, "errorText": text})
    with pytest.raises(expected):
        page.demand()


def test_what_went_wrong_first_is_told() -> None:
    """What it led to is not."""
    page = watch()
    page.fail(PageRefused("robots.txt"))
    page.see("Network.loadingFailed", {"requestId": PAGE, "errorText": "net::ERR_BLOCKED_BY_CLIENT"})
    with pytest.raises(PageRefused, match=r"robots\.txt"):
        page.demand()


@pytest.mark.parametrize(
    ("kind", "status", "expected"),
    [
        ("Fetch", 429, TooManyRequests),
        ("XHR", 401, LoginWall),
        ("Fetch", 404, None),
        ("Fetch", 500, None),
        ("Script", 429, None),
    ],
)
def test_a_wall_may_stand_in_an_answer_to_a_script(kind: str, status: int, expected: type[CrawlError] | None) -> None:
    """Lists load their parts so; what else fails is the page's own affair."""
    page = watch()
    answer(page, kind, status)
    if expected is None:
        page.demand()
    else:
        with pytest.raises(expected):
            page.demand()


def test_the_wait_that_a_site_names_is_handed_on() -> None:
    """In whatever case it writes its headers."""
    page = watch()
    answer(page, "Fetch", 429, **{"Retry-AFTER": "17"})
    with pytest.raises(TooManyRequests) as error:
        page.demand()
    assert error.value.retry_after_s == 17


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (200, {"content-type": "text/html; charset=utf-8"}, None),
        (200, {"content-type": "Application/XHTML+XML"}, None),
        (200, {"content-type": "application/pdf"}, PageBroken),
        (200, {}, PageBroken),
        (200, {"content-type": "text/html", "content-length": str(MAX_DOCUMENT_BYTES + 1)}, PageBroken),
        (200, {"content-type": "text/html", "x-robots-tag": "nofollow, noindex"}, PageRefused),
        (401, {}, LoginWall),
        (403, {}, PageRefused),
        (410, {}, PageRefused),
        (429, {}, TooManyRequests),
        (503, {"retry-after": "3"}, TooManyRequests),
        (502, {}, PageUnreachable),
    ],
)
def test_an_answer_is_judged_before_its_page_is_read(
    status: int, headers: dict[str, str], expected: type[CrawlError] | None
) -> None:
    """By its status and its headers."""
    if expected is None:
        watch().judge_page(status, headers, "https://photos.example/p/1/")
    else:
        with pytest.raises(expected):
            watch().judge_page(status, headers, "https://photos.example/p/1/")


def test_a_page_that_is_shorter_than_announced_is_broken() -> None:
    """Unless it was packed: then the announcement is of the packed page."""
    page = watch()
    page.judge_whole(100, {"content-length": "100"})
    page.judge_whole(90, {"content-length": "100", "content-encoding": "gzip"})
    page.judge_whole(90, {"content-length": "many"})
    with pytest.raises(PageBroken, match="ends in the middle"):
        page.judge_whole(99, {"content-length": "100"})


JSON: st.SearchStrategy[Any] = st.dictionaries(
    st.sampled_from(["requestId", "type", "frameId", "loaderId", "name", "errorText", "request", "response"]),
    st.sampled_from([PAGE, FRAME, "Document", "Fetch", "net::ERR_ABORTED", "load"]),
    max_size=4,
)


@given(st.lists(st.tuples(st.sampled_from(["Network.loadingFailed", "Page.lifecycleEvent", "Other.thing"]), JSON)))
def test_events_in_any_order_are_only_taken_note_of(events: list[tuple[str, dict[str, Any]]]) -> None:
    """Nothing is raised but by asking."""
    page = watch()
    for method, params in events:
        page.see(method, params)
