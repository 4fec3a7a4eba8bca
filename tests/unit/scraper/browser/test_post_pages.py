"""Pages of photo-sharing sites, read: recorded ones, and whatever else may come."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper import errors
from scraper.browser.post_pages import ListPage, read_list, read_post
from scraper.browser.site_profile import SiteProfile, read_profile, shipped_profile
from scraper.port import FoundPost
from tests.support.photo_site.running import PROFILE

RECORDED = Path(__file__).resolve().parents[3] / "recorded" / "pages"
CASES = sorted(RECORDED.iterdir())
SITE = read_profile(PROFILE)
PROFILES = {"photo_site": SITE, "instagram": shipped_profile("https://www.instagram.com")}
READERS: dict[str, Callable[[str, str, SiteProfile], FoundPost | ListPage]] = {"post": read_post, "list": read_list}


def read(case: Path) -> Any:
    """Return what a recorded page gives, as JSON would hold it."""
    meta = json.loads((case / "meta.json").read_text(encoding="utf-8"))
    html = (case / "input.html").read_text(encoding="utf-8")
    return json.loads(json.dumps(asdict(READERS[meta["kind"]](html, meta["address"], PROFILES[meta["profile"]]))))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_page_gives_what_was_recorded_with_it(case: Path) -> None:
    """The post or the list that stands beside the page, or the error."""
    if (case / "exception.json").exists():
        expected = json.loads((case / "exception.json").read_text(encoding="utf-8"))
        with pytest.raises(getattr(errors, expected["class"]), match=expected["message"]):
            read(case)
    else:
        assert read(case) == json.loads((case / "output.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_recorded_page_says_where_its_form_is_from(case: Path) -> None:
    """Nobody can tell a made-up page from a platform's own without being told."""
    assert json.loads((case / "meta.json").read_text(encoding="utf-8"))["source"]


PIECES = st.lists(
    st.one_of(
        st.text(max_size=20),
        st.sampled_from(
            [
                '<script type="application/ld+json">',
                '{"@type": "Photograph", "articleBody": ',
                "</script>",
                '<meta property="og:image" content="',
                '<a href="/p/',
                '"http://[::1',
                '<link rel="canonical" href="',
                "<p class='caption'>",
                "[" * 300,
                '">',
                "\x00",
                "<table><tr>" * 50,
            ]
        ),
    ),
    max_size=30,
)


@given(PIECES, st.sampled_from([SITE, PROFILES["instagram"]]))
def test_any_page_is_a_post_or_one_of_our_errors(pieces: list[str], profile: SiteProfile) -> None:
    """A page's words never end a crawl."""
    try:
        post = read_post("".join(pieces), profile.post_address("x"), profile)
    except errors.CrawlError:
        return
    assert post.post_id
    assert post.caption or post.pictures
    assert all(picture.startswith(("http://", "https://")) for picture in post.pictures)


@given(PIECES)
def test_any_page_is_a_list_or_one_of_our_errors(pieces: list[str]) -> None:
    """Links lead to the site alone, each post once."""
    try:
        listing: ListPage = read_list("".join(pieces), "http://127.0.0.1:8080/explore/tags/dog/", SITE)
    except errors.CrawlError:
        return
    assert len(set(listing.posts)) == len(listing.posts)
    assert all(post.startswith("http://127.0.0.1") for post in listing.posts)
