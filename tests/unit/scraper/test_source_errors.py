"""Every error of the libraries below a source means something to the crawl."""

from __future__ import annotations

import inspect

import instaloader
import instaloader.exceptions
import mastodon.errors
import pytest

from scraper.errors import CrawlError, LoginWall, PageBroken, PageRefused, PageUnreachable, TooManyRequests
from scraper.instagram import web as instagram_web
from scraper.mastodon import source as mastodon_source

INSTALOADER = [
    error
    for _, error in inspect.getmembers(instaloader.exceptions, inspect.isclass)
    if issubclass(error, Exception) and error.__module__ == "instaloader.exceptions"
]
MASTODON = [
    error
    for _, error in inspect.getmembers(mastodon.errors, inspect.isclass)
    if issubclass(error, mastodon.errors.MastodonError)
]


@pytest.mark.parametrize("error", INSTALOADER, ids=lambda error: error.__name__)
def test_every_error_of_instaloader_is_one_of_the_crawl(error: type[Exception]) -> None:
    """None is passed on as it is, and none is told with the words of Instagram's answer."""
    meant = instagram_web.crawl_error(error("200 OK when accessing https://www.instagram.com/lena/"))
    assert isinstance(meant, CrawlError)
    assert "lena" not in str(meant)


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (instaloader.TooManyRequestsException("429"), TooManyRequests),
        (instaloader.LoginRequiredException("login"), LoginWall),
        (instaloader.AbortDownloadException("checkpoint_required"), LoginWall),
        (instaloader.ProfileNotExistsException("gone"), PageRefused),
        (instaloader.QueryReturnedNotFoundException("404"), PageRefused),
        (instaloader.QueryReturnedForbiddenException("403"), PageRefused),
        (instaloader.PrivateProfileNotFollowedException("private"), PageRefused),
        (instaloader.ConnectionException("reset"), PageUnreachable),
        (instaloader.QueryReturnedBadRequestException("400"), PageBroken),
        (instaloader.BadResponseException("no metadata"), PageBroken),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_errors_of_instaloader_are_told_apart_by_what_the_crawl_does(
    error: Exception, meaning: type[CrawlError]
) -> None:
    """Wait, stop, leave out, keep for a look, or try again."""
    assert type(instagram_web.crawl_error(error)) is meaning


def test_an_answer_that_is_no_json_is_broken_not_out_of_reach() -> None:
    """Instaloader calls both a connection error; asking again would not help."""
    error = instaloader.ConnectionException("JSON Query")
    error.__cause__ = ValueError("no JSON")
    assert type(instagram_web.crawl_error(error)) is PageBroken


@pytest.mark.parametrize("error", MASTODON, ids=lambda error: error.__name__)
def test_every_error_of_mastodon_py_is_one_of_the_crawl(error: type[mastodon.errors.MastodonError]) -> None:
    """None is passed on as it is."""
    assert isinstance(mastodon_source.crawl_error(error("Mastodon API returned error")), CrawlError)


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        (401, LoginWall),
        (403, LoginWall),
        (422, LoginWall),
        (404, PageRefused),
        (410, PageRefused),
        (500, PageUnreachable),
        (503, PageUnreachable),
    ],
)
def test_statuses_of_an_instance_are_told_apart(status: int, meaning: type[CrawlError]) -> None:
    """An instance that shows hashtags to accounts only says so with 401, 403 or 422."""
    error = mastodon.errors.MastodonAPIError("Mastodon API returned error", status, "reason", "words")
    assert type(mastodon_source.crawl_error(error)) is meaning
