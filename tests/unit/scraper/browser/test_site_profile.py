"""A site's description: what it may say, and what addresses follow from it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from core.errors import InvalidOption
from scraper.browser.site_profile import build_profile, read_profile, shipped_profile
from tests.support.photo_site.running import PROFILE

SMALL: dict[str, Any] = {
    "name": "a site",
    "address": "https://photos.example",
    "list": {"path": "/t/{hashtag}", "post_link": "a.post"},
    "post": {"path": "/p/{id}/", "id": "^/(?:u/)?p/([a-z0-9]+)"},
}
INSTAGRAM = shipped_profile("https://www.instagram.com")


def changed(section: str | None, key: str, value: object) -> dict[str, Any]:
    """Return the small description with one key set, or left out for None."""
    content = copy.deepcopy(SMALL)
    table = content if section is None else content.setdefault(section, {})
    if value is None:
        del table[key]
    else:
        table[key] = value
    return content


def test_a_description_without_rules_reads_what_pages_say_of_themselves() -> None:
    """Schema.org first, OpenGraph after it."""
    rules = build_profile(SMALL, "small.toml").rules
    assert [(rule.markup, rule.name) for rule in rules["pictures"]] == [
        ("jsonld", "image"),
        ("jsonld", "contentUrl"),
        ("meta", "og:image"),
    ]


@pytest.mark.parametrize(
    "link",
    [
        "https://www.instagram.com/p/DAbc_12-x/",
        "https://www.instagram.com/anna.example/p/DAbc_12-x/?img_index=2#top",
        "/p/DAbc_12-x/",
        "DAbc_12-x",
    ],
)
def test_a_post_has_one_address(link: str) -> None:
    """However it is linked to, so that it is fetched once."""
    assert INSTAGRAM.post_address(link) == "https://www.instagram.com/p/DAbc_12-x/"


def test_a_link_that_names_no_id_keeps_its_address() -> None:
    """A short link says where it leads when it is opened."""
    assert INSTAGRAM.post_address("https://www.instagram.com/s/x?a=1#b") == "https://www.instagram.com/s/x?a=1"


def test_a_link_to_another_site_keeps_its_address() -> None:
    """It is no post of this one, whatever its path looks like."""
    assert INSTAGRAM.post_address("https://other.example/p/DAbc/") == "https://other.example/p/DAbc/"


def test_a_hashtag_of_any_script_has_an_address() -> None:
    """Signs that an address cannot hold are escaped."""
    assert INSTAGRAM.list_address("собака/1").endswith("/explore/tags/%D1%81%D0%BE%D0%B1%D0%B0%D0%BA%D0%B0%2F1/")


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("www.instagram.com", True),
        ("scontent.cdninstagram.com", True),
        ("instagram.com.example", False),
        ("cdninstagram.com.evil.example", False),
        ("", False),
    ],
)
def test_pages_load_from_the_hosts_that_are_named(host: str, allowed: bool) -> None:
    """A pattern matches the whole name."""
    assert INSTAGRAM.allows(host) is allowed


@pytest.mark.parametrize(
    ("section", "key", "value", "told"),
    [
        (None, "name", None, "name is missing"),
        (None, "address", "photos.example", "https://host"),
        (None, "address", "https://photos.example/path", "https://host"),
        (None, "hosts", "photos.example", "hosts is not a list"),
        (None, "speed", 3, "speed is unknown"),
        ("list", "pages", 3, "list.pages is unknown"),
        ("list", "path", "/t/", "list.path wants a path"),
        ("list", "path", "/t/{hashtag}/{hashtag}", "list.path wants a path"),
        ("list", "path", "/t/{hashtag}/}", "list.path wants a path"),
        ("list", "post_link", "a[[", "not a CSS selector"),
        ("post", "id", "/p/[a-z]+", "wants a group"),
        ("post", "id", "/p/([a-z]+", "does not describe a site"),
        ("post", "caption", "css:.caption", "is not a list of rules"),
        ("post", "caption", ["xpath://p"], "jsonld:NAME"),
        ("post", "caption", [{"from": "css:p", "pattern": "no group"}], "wants a group"),
        ("post", "caption", [{"pattern": "(x)"}], "from is missing"),
        ("consent", "buttons", [""], "is not text"),
        ("post", "path", None, "path is missing"),
    ],
)
def test_a_description_that_says_something_else_is_refused(
    section: str | None, key: str, value: object, told: str
) -> None:
    """With the key, so that it can be found."""
    with pytest.raises(InvalidOption) as error:
        build_profile(changed(section, key, value), "small.toml")
    assert told in str(error.value)
    assert "small.toml" in str(error.value)


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    """Not there, not text, not TOML."""
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "broken.toml").write_text("name = ")
    for name in ("absent.toml", "binary.toml", "broken.toml"):
        with pytest.raises(InvalidOption, match="not the description of a site"):
            read_profile(tmp_path / name)


def test_a_site_that_nobody_described_is_named() -> None:
    """With what to do."""
    with pytest.raises(InvalidOption, match=r"photos\.example.*write one"):
        shipped_profile("https://photos.example")


def test_the_site_of_the_tests_is_described() -> None:
    """By a file as an operator writes it."""
    assert read_profile(PROFILE).consent == ("#needed",)
