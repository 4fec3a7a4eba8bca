"""Folders as Instaloader, Instagram's export and table programs leave them, made up."""

from __future__ import annotations

import json
import lzma
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scraper.port import Page, PageSource, Target
from scraper.sources import SourceOptions
from tests.support.social_sites.world import SocialPost, picture_bytes

MAX_PAGES = 200


class NoWeb:
    """A web client that fails when it is used: reading files needs no web."""

    def get(self, address: str, **how: Any) -> Any:
        """Fail."""
        raise AssertionError(f"{address} was asked for")

    def exchange(self, method: str, address: str, **how: Any) -> Any:
        """Fail."""
        raise AssertionError(f"{address} was asked for")


def file_options(files: Path | None, **columns: str) -> SourceOptions:
    """Return options to read files with."""
    return SourceOptions(web=NoWeb(), admit=lambda address: None, user_agent="test", files=files, columns=columns)


def all_pages(source: PageSource, targets: Sequence[Target]) -> list[Page]:
    """Return every page from these targets on, each target once."""
    pages: list[Page] = []
    known, waiting = set(targets), list(targets)
    while waiting:
        assert len(pages) < MAX_PAGES, "the lists have no end"
        page = source.fetch(waiting.pop(0))
        pages.append(page)
        waiting += [target for target in page.targets if target not in known]
        known.update(page.targets)
    return pages


def instaloader_node(post: SocialPost, **changes: Any) -> dict[str, Any]:
    """Return what Instaloader saves of a post."""
    node = {
        "__typename": "GraphImage",
        "id": str(post.number),
        "shortcode": post.shortcode,
        "edge_media_to_caption": {"edges": [{"node": {"text": post.caption}}]},
        "taken_at_timestamp": int(post.time.timestamp()),
        "display_url": "https://cdn.example/a.jpg",
        "owner": {"id": "17", "username": post.author},
        "is_video": False,
    }
    return {"node": {**node, **changes}, "instaloader": {"version": "4.16", "node_type": "Post"}}


def save_instaloader(folder: Path, post: SocialPost, *, form: str = "json.xz", n_pictures: int = 1) -> str:
    """Write a post's files as Instaloader does, and return their common name.

    Args:
        folder: called after the profile or hashtag.
        post: what they hold.
        form: ``json.xz``, ``json`` or ``txt``.
        n_pictures: 0 for a video, more than 1 for several.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stem = post.time.strftime("%Y-%m-%d_%H-%M-%S_UTC")
    for number in range(1, n_pictures + 1):
        name = f"{stem}.jpg" if n_pictures == 1 else f"{stem}_{number}.jpg"
        (folder / name).write_bytes(picture_bytes(post.number * 10 + number))
    text = json.dumps(instaloader_node(post))
    if form == "json.xz":
        (folder / f"{stem}.json.xz").write_bytes(lzma.compress(text.encode(), check=lzma.CHECK_NONE))
    elif form == "json":
        (folder / f"{stem}.json").write_text(text)
    else:
        (folder / f"{stem}.txt").write_text(post.caption)
    return stem


def export_files(posts: list[SocialPost]) -> dict[str, bytes]:
    """Return name -> content of Instagram's export of these posts, its broken texts included."""
    files: dict[str, bytes] = {}
    entries = []
    for post in posts:
        name = f"media/posts/202603/{post.shortcode}_n.jpg"
        files[name] = picture_bytes(post.number)
        broken = post.caption.encode().decode("latin-1")
        media = {"uri": name, "creation_timestamp": int(post.time.timestamp()), "title": broken}
        entries.append({"media": [media]})
    files["your_instagram_activity/media/posts_1.json"] = json.dumps(entries).encode()
    about = {"profile_user": [{"string_map_data": {"Username": {"value": "me_myself"}}}]}
    files["personal_information/personal_information/personal_information.json"] = json.dumps(about).encode()
    return files


def save_export(place: Path, posts: list[SocialPost]) -> Path:
    """Write an export as a folder, or as an archive when the name ends in ``.zip``, and return where."""
    files = export_files(posts)
    if place.suffix == ".zip":
        with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
    else:
        for name, content in files.items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_bytes(content)
    return place
