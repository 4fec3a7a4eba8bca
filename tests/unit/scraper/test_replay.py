"""Recorded pages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.errors import DataError, InvalidOption
from scraper.errors import LoginWall, PageRefused
from scraper.port import Target
from scraper.replay import Replay
from tests.support.dump_world import file_options
from tests.support.social_sites.world import picture_bytes
from tests.unit.scraper.crawl_world import crawl_once


def recording(folder: Path, *pages: dict[str, Any]) -> Path:
    (folder / "pages").mkdir(parents=True)
    for number, page in enumerate(pages):
        (folder / "pages" / f"{number}.json").write_text(json.dumps(page), encoding="utf-8")
    return folder


DOG = {"kind": "tag", "value": "dog"}
POST = {"post_id": "1", "caption": "a #dog", "pictures": ["pictures/1.jpg"]}


def test_a_recorded_page_comes_back(tmp_path: Path) -> None:
    """Posts and what they lead to are those of the file."""
    folder = recording(tmp_path / "r", {"target": DOG, "page": {"posts": [POST], "targets": [{**DOG, "cursor": "2"}]}})
    page = Replay(file_options(folder)).fetch(Target("tag", "dog", "pets", "dog"))
    assert page.posts[0].caption == "a #dog"
    assert page.targets == (Target("tag", "dog", cursor="2"),)


def test_a_recorded_error_is_raised(tmp_path: Path) -> None:
    """A login wall can be recorded as well."""
    folder = recording(tmp_path / "r", {"target": DOG, "error": {"type": "LoginWall", "message": "please log in"}})
    with pytest.raises(LoginWall, match="please log in"):
        Replay(file_options(folder)).fetch(Target("tag", "dog"))


def test_what_was_not_recorded_is_refused(tmp_path: Path) -> None:
    """Nothing is made up."""
    replay = Replay(file_options(recording(tmp_path / "r", {"target": DOG, "page": {}})))
    with pytest.raises(PageRefused):
        replay.fetch(Target("tag", "cat"))
    with pytest.raises(PageRefused):
        replay.picture("pictures/none.jpg")


@pytest.mark.parametrize("address", ["../secret.jpg", "/etc/passwd", "pictures/link.jpg", "pictures/\0.jpg"])
def test_a_picture_outside_of_the_recording_is_refused(address: str, tmp_path: Path) -> None:
    """A recording from elsewhere cannot read the reader's files."""
    folder = recording(tmp_path / "r", {"target": DOG, "page": {}})
    (tmp_path / "secret.jpg").write_bytes(picture_bytes(1))
    (folder / "pictures").mkdir()
    (folder / "pictures" / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    with pytest.raises(PageRefused):
        Replay(file_options(folder)).picture(address)


@pytest.mark.parametrize(
    "content",
    [
        *("", "{", "[]", '{"target": {}}', "\ufeff\0"),
        '{"target": {"kind": "tag", "value": "a"}, "page": {"posts": [{"caption": 1}]}}',
        '{"target": {"kind": "tag", "value": "a"}, "error": {"type": "NoSuchError"}}',
    ],
)
def test_a_broken_recording_is_named(content: str, tmp_path: Path) -> None:
    """The file is in the message, its captions are not."""
    folder = recording(tmp_path / "r", {"target": DOG, "page": {}})
    (folder / "pages" / "9.json").write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=r"9\.json"):
        Replay(file_options(folder))


def test_a_folder_without_a_recording_is_an_option_that_is_wrong(tmp_path: Path) -> None:
    """The message says what was looked for."""
    with pytest.raises(InvalidOption, match="pages"):
        Replay(file_options(tmp_path))


def test_a_crawl_runs_on_a_recording(tmp_path: Path) -> None:
    """A recording is a source like any other."""
    folder = recording(tmp_path / "r", {"target": DOG, "page": {"posts": [POST]}})
    (folder / "pictures").mkdir()
    (folder / "pictures" / "1.jpg").write_bytes(picture_bytes(1))
    figures = crawl_once(tmp_path / "c", Replay(file_options(folder)), ["dog"])  # type: ignore[arg-type]
    assert (figures.posts, figures.pictures) == (1, 1)
