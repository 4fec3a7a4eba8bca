"""Folders that Instaloader downloaded, to posts.

Instaloader names a post's files alike: ``2024-05-01_10-00-00_UTC.jpg`` (``_1.jpg``, ``_2.jpg`` for several pictures),
``.txt`` with the caption and ``.json.xz`` or ``.json`` with what Instagram said; a folder is called after the profile,
or ``#hashtag`` (https://instaloader.github.io/basic-usage.html#filename-specification).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import PurePosixPath

from scraper.dump.files import DumpFiles, read_json, read_text_bytes
from scraper.errors import PageBroken
from scraper.instaloader_posts import found_post
from scraper.port import FoundPost

PICTURES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
_NAME = re.compile(
    r"(?P<stem>.*?_UTC)(?:_(?P<number>\d{1,3}))?(?P<ending>\.jpe?g|\.png|\.webp|\.txt|\.json|\.json\.xz)"
)
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)_(\d\d)-(\d\d)-(\d\d)_UTC$")


@dataclass(slots=True)
class PostFiles:
    """The files of one post.

    Attributes:
        stem: their common name, with the folder.
        description: the JSON file, or None.
        text: the file with the caption, or None.
        pictures: number within the post -> name of the picture.
    """

    stem: str
    description: str | None = None
    text: str | None = None
    pictures: dict[int, str] = field(default_factory=dict)


def group(names: Iterable[str]) -> dict[str, dict[str, PostFiles]]:
    """Return folder -> stem -> files, of those names that Instaloader gives; stories and the like are left out."""
    folders: dict[str, dict[str, PostFiles]] = {}
    for name in names:
        path = PurePosixPath(name)
        match = _NAME.fullmatch(path.name)
        if match is None or path.parent.name == ":stories":
            continue
        stem = str(path.parent / match["stem"])
        post = folders.setdefault(str(path.parent), {}).setdefault(stem, PostFiles(stem))
        if match["ending"] in PICTURES:
            post.pictures[int(match["number"] or 0)] = name
        elif match["ending"] == ".txt":
            post.text = name
        else:
            post.description = name
    return {
        folder: wanted
        for folder, posts in folders.items()
        if (wanted := {stem: post for stem, post in posts.items() if post.description or (post.text and post.pictures)})
    }


def read_post(files: DumpFiles, post: PostFiles) -> FoundPost | None:
    """Return one post with the pictures that lie beside it, or None for a video or what is not a post.

    Raises:
        PageBroken: its JSON or its text is damaged; the message names the file.
        PageRefused: a file leads out of the folder.
    """
    pictures = tuple(name for _, name in sorted(post.pictures.items()))
    if post.description is not None:
        described = described_post(read_text_bytes(files, post.description), post.description)
        return None if described is None or not pictures else replace(described, pictures=pictures)
    assert post.text is not None
    content = read_text_bytes(files, post.text)
    try:
        caption = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise PageBroken(f"{post.text}, line {line}: not UTF-8; convert it, or delete it to leave it out") from error
    path = PurePosixPath(post.stem)
    folder = path.parent.name
    # Two profiles may post in one second; the folder tells them apart, and its name must not stand in an id.
    telling = hashlib.blake2b(str(path.parent).encode(errors="surrogateescape"), digest_size=6).hexdigest()
    return FoundPost(
        post_id=f"{path.name}-{telling}",
        caption=caption.strip(),
        author=None if not folder or folder.startswith(("#", "%", ":")) else folder,
        time=_time(post.stem),
        pictures=pictures,
    )


def described_post(content: bytes, name: str) -> FoundPost | None:
    """Return the post that a JSON file of Instaloader describes, or None when it describes a profile or a story.

    Raises:
        PageBroken: it is not Instaloader's JSON; the message names the file and the line.
    """
    structure = read_json(content, name)
    about = structure.get("instaloader") if isinstance(structure, dict) else None
    if not isinstance(about, dict) or not isinstance(structure.get("node"), dict):
        raise PageBroken(f"{name} is JSON, but not Instaloader's: it has no node", content=content)
    if about.get("node_type") != "Post":
        return None
    try:
        return found_post(structure["node"])
    except PageBroken as error:
        raise PageBroken(f"{name}: {error}", content=content) from error


def _time(stem: str) -> str | None:
    match = _TIME.search(stem)
    if match is None:
        return None
    try:
        return datetime.fromisoformat(f"{match[1]}T{match[2]}:{match[3]}:{match[4]}").replace(tzinfo=UTC).isoformat()
    except ValueError:
        return None
