"""Recorded pages: what a source once returned, returned again without a network.

A recording is a folder with one file a page, ``pages/*.json``, and the pictures that its posts name:

```json
{"target": {"kind": "tag", "value": "dog"},
 "page": {"posts": [{"post_id": "1", "caption": "…", "author": "…", "pictures": ["pictures/1.jpg"]}],
          "targets": [{"kind": "tag", "value": "dog", "cursor": "2"}]}}
```

In place of ``page``, ``"error": {"type": "LoginWall", "message": "…"}`` is raised when the target is fetched.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dacite

from core.errors import DataError, InvalidOption
from core.text.hashtags import normalise
from scraper import errors
from scraper.port import FoundPost, Page, Target
from scraper.sources import SourceOptions

MAX_FILE_BYTES = 32 * 1024 * 1024
_Key = tuple[str, str, str | None]


class Replay:
    """The recording in the folder ``options.files`` as a source; a ``PageSource``.

    Raises:
        InvalidOption: no folder is named, or there is no recording in it.
        DataError: one of its files is not what a recording holds.
    """

    name = "replay"

    def __init__(self, options: SourceOptions) -> None:
        folder = options.files
        if folder is None:
            raise InvalidOption("the source 'replay' reads a recorded folder; name it with --files", field="files")
        files = sorted((folder / "pages").glob("*.json"))
        if not files:
            raise InvalidOption(f"{folder} holds no recording: there is no pages/*.json in it", field="files")
        self._folder = folder.resolve()
        self._pages: dict[_Key, Page | errors.CrawlError] = {}
        for path in files:
            key, content = _read(path)
            self._pages[key] = content

    def targets(self, topic: str | None, hashtags: Sequence[str]) -> tuple[Target, ...]:
        """Return the first page of each hashtag."""
        return tuple(Target("tag", tag, topic, normalise(tag)) for tag in hashtags)

    def address(self, target: Target) -> str | None:
        """Return None: nothing is fetched."""
        return None

    def fetch(self, target: Target) -> Page:
        """Return the page recorded for the target."""
        found = self._pages.get((target.kind, target.value, target.cursor))
        if found is None:
            raise errors.PageRefused("not recorded")
        if isinstance(found, errors.CrawlError):
            raise found
        return found

    def picture(self, address: str) -> bytes:
        """Return a picture of the recording; a path that leads out of its folder is refused."""
        try:
            path = (self._folder / address).resolve()
            if not path.is_relative_to(self._folder):
                raise errors.PageRefused("a picture outside the recording")
            if path.stat().st_size > MAX_FILE_BYTES:
                raise errors.PageBroken(f"a picture of more than {MAX_FILE_BYTES // 1024**2} MB")
            return path.read_bytes()
        except (OSError, ValueError) as error:
            raise errors.PageRefused("a picture that is not in the recording") from error

    def close(self) -> None:
        """Hold nothing."""


def _read(path: Path) -> tuple[_Key, Page | errors.CrawlError]:
    exact = dacite.Config(strict=True, cast=[tuple])
    try:
        record: Any = json.loads(path.read_text(encoding="utf-8"))
        target = dacite.from_dict(Target, record["target"], exact)
        if "error" in record:
            kind = getattr(errors, record["error"]["type"])
            content: Page | errors.CrawlError = kind(record["error"].get("message", "as recorded"))
        else:
            page = record["page"]
            content = Page(
                tuple(dacite.from_dict(FoundPost, post, exact) for post in page.get("posts", ())),
                tuple(dacite.from_dict(Target, target, exact) for target in page.get("targets", ())),
                page.get("n_bytes", 0),
            )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, dacite.DaciteError) as error:
        raise DataError(f"{path} is not a recorded page ({type(error).__name__}); see docs/collecting.md") from error
    return (target.kind, target.value, target.cursor), content
