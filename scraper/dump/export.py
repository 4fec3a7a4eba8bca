"""Instagram's own export of an account, to posts.

What "Download your information" gives as JSON: ``posts_1.json`` and so on, below ``content/`` or
``your_instagram_activity/``, with pictures named by their path in the export. Its texts are UTF-8 that was read as
Latin-1 before it was written, so an é arrives as two characters and an emoji as four; they are put back together.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from scraper.dump.files import read_json
from scraper.dump.instaloader import PICTURES
from scraper.errors import PageBroken
from scraper.foreign_json import time_of_seconds
from scraper.port import FoundPost

POSTS = re.compile(r"(?P<root>(?:.*?/)??)(?:your_instagram_activity/)?(?:content|media|posts)/posts_\d+\.json")
"""Names of the files that list posts; ``root`` is where the export begins."""

HTML_POSTS = re.compile(r"(?:.*/)?(?:content|media|posts)/posts_\d+\.html")


def mended(text: str) -> str:
    """Return a text of the export as its author wrote it; a text that was not broken comes back as it was."""
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def entries_of(content: bytes, name: str) -> list[Any]:
    """Return the posts of one file as the export has them.

    Raises:
        PageBroken: it is not such a file; the message names it and the line.
    """
    entries = read_json(content, name)
    if isinstance(entries, dict):  # an export of a single post
        entries = [entries]
    if not isinstance(entries, list):
        raise PageBroken(f"{name} is not a list of posts", content=content)
    return entries


def export_post(entry: Any, root: str, author: str | None) -> FoundPost | None:
    """Return one post of an export, or None for one without a photograph.

    Args:
        entry: as the export has it.
        root: where the export begins, "" or ending in ``/``; pictures are named from there.
        author: whose export it is.

    Raises:
        PageBroken: the entry is not a post.
    """
    media = entry.get("media") if isinstance(entry, Mapping) else None
    if not isinstance(media, list) or not all(isinstance(item, Mapping) for item in media):
        raise PageBroken("an entry has no list of media")
    names = [item["uri"] for item in media if isinstance(item.get("uri"), str)]
    pictures = tuple(root + name for name in names if PurePosixPath(name).suffix.lower() in PICTURES)
    if not pictures:
        return None
    caption = entry.get("title") or next((item["title"] for item in media if item.get("title")), "")
    if not isinstance(caption, str):
        raise PageBroken("an entry's title is not text")
    moment = entry.get("creation_timestamp") or media[0].get("creation_timestamp")
    return FoundPost(
        post_id=PurePosixPath(pictures[0]).stem,
        caption=mended(caption),
        author=author,
        time=time_of_seconds(moment),
        pictures=pictures,
    )


def account_name(content: bytes) -> str | None:
    """Return whose export it is, from ``personal_information.json``; None where that does not say."""
    try:
        users = json.loads(content)["profile_user"]
        name = users[0]["string_map_data"]["Username"]["value"]
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        return None
    return mended(name) if isinstance(name, str) and name else None
