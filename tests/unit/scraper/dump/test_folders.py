"""Folders of Instaloader and exports of Instagram, whole and damaged."""

from __future__ import annotations

import json
import lzma
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import DataError, InvalidOption
from scraper.dump import source as dump
from scraper.dump.export import mended
from scraper.dump.files import MAX_PICTURE_BYTES, MAX_TEXT_BYTES
from scraper.dump.source import DumpSource
from scraper.errors import PageBroken, PageRefused
from scraper.port import FoundPost, Target
from tests.support.dump_world import (
    all_pages,
    export_files,
    file_options,
    instaloader_node,
    save_export,
    save_instaloader,
)
from tests.support.social_sites.world import picture_bytes, posts_under

CAT, DOG = posts_under("cat", 1)[0], posts_under("dog", 1, first=7)[0]


def posts_of(source: DumpSource) -> list[FoundPost]:
    """Return all posts that a source gives; damaged ones raise."""
    return [post for page in all_pages(source, source.targets(None, ())) for post in page.posts]


def test_each_form_of_instaloader_gives_the_same_post(tmp_path: Path) -> None:
    """Compressed, plain, or the caption alone: caption, time, author and picture are the same."""
    found = {}
    for form in ("json.xz", "json", "txt"):
        save_instaloader(tmp_path / form / CAT.author, CAT, form=form)
        (found[form],) = posts_of(DumpSource(file_options(tmp_path / form)))
    for post in found.values():
        assert post.caption == CAT.caption
        assert post.time == CAT.time.isoformat()
        assert post.author == CAT.author
    assert found["json"].post_id == found["json.xz"].post_id == CAT.shortcode
    assert CAT.author not in found["txt"].post_id


def test_pictures_are_the_files_beside_the_post_in_their_order(tmp_path: Path) -> None:
    """Addresses on the web are of no use years later; the files are there."""
    stem = save_instaloader(tmp_path / "lena", CAT, n_pictures=3)
    source = DumpSource(file_options(tmp_path))
    (post,) = posts_of(source)
    assert post.pictures == tuple(f"lena/{stem}_{number}.jpg" for number in (1, 2, 3))
    assert source.picture(post.pictures[1]) == picture_bytes(CAT.number * 10 + 2)


def test_a_folder_called_after_a_hashtag_leads_to_it(tmp_path: Path) -> None:
    """The hashtag is what the posts were found under, and nobody's name."""
    save_instaloader(tmp_path / "#CatsOfRome", CAT, form="txt")
    source = DumpSource(file_options(tmp_path))
    (target,) = source.targets("pets", ("ignored",))
    assert (target.topic, target.query_tag) == ("pets", "catsofrome")
    assert source.fetch(target).posts[0].author is None


def test_what_is_no_photograph_is_left_out(tmp_path: Path) -> None:
    """Videos, stories and profiles lie in the same folders."""
    save_instaloader(tmp_path / "lena", CAT, n_pictures=0)
    save_instaloader(tmp_path / "lena", DOG)
    save_instaloader(tmp_path / "lena" / ":stories", CAT)
    (tmp_path / "lena" / "id").write_text("17")
    (tmp_path / "lena" / "lena_17.json.xz").write_bytes(lzma.compress(b"{}"))
    profile = {"node": {"username": "lena"}, "instaloader": {"node_type": "Profile"}}
    (tmp_path / "lena" / "2026-01-01_00-00-00_UTC_profile_pic.jpg").write_bytes(b"x")
    (tmp_path / "lena" / "2026-01-01_00-00-00_UTC.json").write_text(json.dumps(profile))
    assert [post.post_id for post in posts_of(DumpSource(file_options(tmp_path)))] == [DOG.shortcode]


def test_a_large_folder_comes_in_pages(tmp_path: Path) -> None:
    """Every post comes once, and a page is never longer than its bound."""
    posts = posts_under("cat", dump.PAGE + 3)
    for post in posts:
        save_instaloader(tmp_path / "lena", post, form="json", n_pictures=0)
        (tmp_path / "lena" / post.time.strftime("%Y-%m-%d_%H-%M-%S_UTC.jpg")).write_bytes(b"x")
    source = DumpSource(file_options(tmp_path))
    pages = all_pages(source, source.targets(None, ()))
    assert [len(page.posts) for page in pages] == [dump.PAGE, 3]
    assert {post.post_id for page in pages for post in page.posts} == {post.shortcode for post in posts}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (lambda: lzma.compress(json.dumps(instaloader_node(CAT)).encode())[:-20], "ends too early"),
        (lambda: b"no xz at all", "is damaged"),
        (lambda: lzma.compress(b'{"node": {\n"shortcode": }'), "line 2: not JSON"),
        (lambda: lzma.compress('{"x": "é"}'.encode("latin-1")), "not UTF-8"),
        (lambda: lzma.compress(b"[1, 2]"), "has no node"),
        (lambda: lzma.compress(b"[" * 100_000), "depths"),
        (lambda: lzma.compress(b'{"node": {}, "instaloader": {"node_type": "Post"}}'), "neither shortcode nor code"),
        (lambda: lzma.compress(b" " * (MAX_TEXT_BYTES + 1), preset=0), "larger than"),
    ],
    ids=["cut short", "no xz", "no JSON", "Latin-1", "another JSON", "deep", "no post", "bomb"],
)
def test_a_damaged_file_is_told_of_and_costs_no_other_post(
    tmp_path: Path, content: Callable[[], bytes], why: str
) -> None:
    """It gets a target of its own, whose error names the file and what is wrong; its neighbours are read."""
    save_instaloader(tmp_path / "lena", DOG)
    stem = save_instaloader(tmp_path / "lena", CAT)
    (tmp_path / "lena" / f"{stem}.json.xz").write_bytes(content())
    source = DumpSource(file_options(tmp_path))
    page = source.fetch(source.targets(None, ())[0])
    assert [post.post_id for post in page.posts] == [DOG.shortcode]
    (broken,) = page.targets
    with pytest.raises(PageBroken, match=why) as told:
        source.fetch(broken)
    assert f"lena/{stem}.json.xz" in str(told.value)


def test_a_caption_in_another_encoding_is_told_of_with_its_line(tmp_path: Path) -> None:
    """A file that an old program wrote in Latin-1 is not guessed at."""
    stem = save_instaloader(tmp_path / "lena", CAT, form="txt")
    (tmp_path / "lena" / f"{stem}.txt").write_bytes("one\ntwo\ncafé".encode("latin-1"))
    source = DumpSource(file_options(tmp_path))
    (broken,) = source.fetch(source.targets(None, ())[0]).targets
    with pytest.raises(PageBroken, match=rf"{stem}.txt, line 3: not UTF-8"):
        source.fetch(broken)


@pytest.mark.parametrize("ending", ["json.xz", "jpg"])
def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path, ending: str) -> None:
    """A folder from a stranger must not make us read, keep and publish other files."""
    outside = tmp_path / "outside"
    stem = save_instaloader(outside, CAT)
    inside = tmp_path / "inside" / "lena"
    save_instaloader(inside, CAT)
    (inside / f"{stem}.{ending}").unlink()
    (inside / f"{stem}.{ending}").symlink_to(outside / f"{stem}.{ending}")
    source = DumpSource(file_options(tmp_path / "inside"))
    if ending == "jpg":
        (post,) = posts_of(source)
        with pytest.raises(PageRefused, match="leads out of the folder"):
            source.picture(post.pictures[0])
    else:
        (refused,) = source.fetch(source.targets(None, ())[0]).targets
        with pytest.raises(PageRefused, match="leads out of the folder"):
            source.fetch(refused)


@pytest.mark.parametrize("name", ["../secret.jpg", "/etc/passwd", "lena/../../secret.jpg", "gone.jpg", "lena", "a\0b"])
def test_a_picture_is_only_ever_a_file_of_the_folder(tmp_path: Path, name: str) -> None:
    """Names come from files that others wrote."""
    (tmp_path / "secret.jpg").write_bytes(b"x")
    save_instaloader(tmp_path / "inside" / "lena", CAT)
    with pytest.raises(PageRefused):
        DumpSource(file_options(tmp_path / "inside")).picture(name)


def test_a_pipe_is_no_picture(tmp_path: Path) -> None:
    """Reading one would wait for ever."""
    save_instaloader(tmp_path / "lena", CAT)
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(PageRefused, match="not a file"):
        DumpSource(file_options(tmp_path)).picture("pipe.jpg")


def test_a_picture_has_a_bound(tmp_path: Path) -> None:
    """A file of gigabytes is not read into memory."""
    save_instaloader(tmp_path / "lena", CAT)
    with (tmp_path / "large.jpg").open("wb") as file:
        file.truncate(MAX_PICTURE_BYTES + 1)
    with pytest.raises(PageBroken, match="larger than"):
        DumpSource(file_options(tmp_path)).picture("large.jpg")


@pytest.mark.parametrize("name", ["export", "export.zip"])
def test_an_export_is_read_as_folder_and_as_archive(tmp_path: Path, name: str) -> None:
    """Captions come back as they were written, by whom the export says."""
    posts = [*posts_under("café", 3), *posts_under("☕", 1, first=9)]
    source = DumpSource(file_options(save_export(tmp_path / name, posts)))
    found = posts_of(source)
    assert [post.caption for post in found] == [post.caption for post in posts]
    assert {post.author for post in found} == {"me_myself"}
    assert [post.time for post in found] == [post.time.isoformat() for post in posts]
    assert source.picture(found[0].pictures[0]) == picture_bytes(posts[0].number)


def test_an_export_inside_another_folder_finds_its_pictures(tmp_path: Path) -> None:
    """People unpack archives into folders of their own naming."""
    save_export(tmp_path / "mine" / "instagram-me", posts_under("cat", 1))
    source = DumpSource(file_options(tmp_path / "mine"))
    (post,) = posts_of(source)
    assert source.picture(post.pictures[0]) == picture_bytes(1)


def test_an_entry_that_is_no_post_costs_no_other(tmp_path: Path) -> None:
    """It gets a target of its own, whose error says which entry it is."""
    save_export(tmp_path / "x", posts_under("cat", 2))
    path = tmp_path / "x" / "your_instagram_activity/media/posts_1.json"
    entries = json.loads(path.read_text())
    path.write_text(json.dumps([entries[0], {"title": "x"}, entries[1]]))
    source = DumpSource(file_options(tmp_path / "x"))
    page = source.fetch(source.targets(None, ())[0])
    assert len(page.posts) == 2
    with pytest.raises(PageBroken, match="posts_1.json, entry 2: an entry has no list of media"):
        source.fetch(page.targets[0])


def test_an_export_in_html_is_told_from_nothing(tmp_path: Path) -> None:
    """Instagram gives HTML unless asked otherwise."""
    (tmp_path / "your_instagram_activity" / "media").mkdir(parents=True)
    (tmp_path / "your_instagram_activity" / "media" / "posts_1.html").write_text("<html>")
    with pytest.raises(DataError, match="as JSON"):
        DumpSource(file_options(tmp_path)).targets(None, ())


@pytest.mark.parametrize(("text", "meant"), [("CafÃ©", "Café"), ("Café", "Café"), ("日本", "日本"), ("plain", "plain")])
def test_only_broken_texts_are_mended(text: str, meant: str) -> None:
    """A text that was right stays as it is."""
    assert mended(text) == meant


def test_an_archive_cut_short_is_told_of(tmp_path: Path) -> None:
    """A download that broke off has no list of contents."""
    path = save_export(tmp_path / "x.zip", posts_under("cat", 1))
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match="not a complete zip archive"):
        DumpSource(file_options(path))


def test_an_archive_that_unpacks_to_gigabytes_is_read_to_its_bound(tmp_path: Path) -> None:
    """What a file says of its size is not believed; only the bound is unpacked."""
    path = tmp_path / "x.zip"
    files = export_files(posts_under("cat", 1))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, b"\0" * (MAX_PICTURE_BYTES + 10) if name.endswith(".jpg") else content)
    assert path.stat().st_size < 200_000
    source = DumpSource(file_options(path))
    (post,) = posts_of(source)
    with pytest.raises(PageBroken, match="larger than"):
        source.picture(post.pictures[0])


def test_a_damaged_file_of_an_archive_is_told_of(tmp_path: Path) -> None:
    """A flipped bit fails the archive's own check."""
    path = save_export(tmp_path / "x.zip", posts_under("cat", 1))
    content = bytearray(path.read_bytes())
    content[200] ^= 0xFF
    path.write_bytes(bytes(content))
    source = DumpSource(file_options(path))
    with pytest.raises(PageBroken, match="damaged"):
        source.picture(f"media/posts/202603/{CAT.shortcode}_n.jpg")


@pytest.mark.parametrize("name", [None, "gone"])
def test_a_place_that_is_not_there_is_told_of(tmp_path: Path, name: str | None) -> None:
    """The message says what can be named."""
    with pytest.raises(InvalidOption, match="zip archive"):
        DumpSource(file_options(None if name is None else tmp_path / name))


def test_a_folder_of_something_else_is_told_of(tmp_path: Path) -> None:
    """An empty crawl would look like a finished one."""
    (tmp_path / "letter.doc").write_bytes(b"x")
    with pytest.raises(DataError, match="nothing that is known"):
        DumpSource(file_options(tmp_path)).targets(None, ())


def test_a_picture_on_the_web_is_not_fetched(tmp_path: Path) -> None:
    """A source of files asks no server."""
    save_instaloader(tmp_path / "lena", CAT)
    with pytest.raises(PageRefused, match="download it first"):
        DumpSource(file_options(tmp_path)).picture("https://cdn.example/a.jpg")


def test_a_target_of_another_kind_is_refused(tmp_path: Path) -> None:
    """A hashtag is nothing that a folder can be asked for."""
    save_instaloader(tmp_path / "lena", CAT)
    with pytest.raises(PageRefused, match="'tag'"):
        DumpSource(file_options(tmp_path)).fetch(Target("tag", "cat"))
