"""Files that people already have: Instaloader's folders, Instagram's own export, CSV and JSON lines.

What a folder or an archive holds is told by the names in it; one may hold several kinds. Nothing is fetched: a picture
is a file of the same folder or archive, or it is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import PurePosixPath

from core.errors import DataError, InvalidOption
from core.text.hashtags import normalise
from scraper.dump.export import HTML_POSTS, POSTS, account_name, entries_of, export_post
from scraper.dump.files import (
    MAX_PICTURE_BYTES,
    MAX_TEXT_BYTES,
    DumpFiles,
    FolderFiles,
    ZipFiles,
    read_text_bytes,
)
from scraper.dump.instaloader import PostFiles, group, read_post
from scraper.dump.tables import ENDINGS, RecordStart, demand_columns, read_page
from scraper.errors import CrawlError, PageBroken, PageRefused
from scraper.port import FoundPost, Page, Target, demand_kind
from scraper.sources import SourceOptions

PAGE = 200
"""Posts of one target: what is read again when a crawl is killed."""

_ABOUT_ACCOUNT = ("personal_information/personal_information/", "personal_information/", "account_information/")
_REMOTE = ("http://", "https://")


class DumpSource:
    """A ``PageSource`` over a folder, a zip archive or a single table.

    It reads ``options.files``; CSV and JSON lines are read through ``options.columns``.

    Raises:
        InvalidOption: no file or folder is named, it does not exist, or a column is for no field.
        DataError: an archive is damaged.
    """

    name = "dump"

    def __init__(self, options: SourceOptions) -> None:
        path = options.files
        if path is None or not path.exists():
            what = "no --files is given" if path is None else f"{path} does not exist"
            raise InvalidOption(f"{what}; name a folder, a zip archive, a CSV or a JSON lines file", field="files")
        self._columns = demand_columns(options.columns)
        self._folder = FolderFiles(path if path.is_dir() else path.parent)
        self._files: DumpFiles = ZipFiles(path) if path.suffix.lower() == ".zip" else self._folder
        self._only = None if path.is_dir() or path.suffix.lower() == ".zip" else path.name
        self._path = path

    def targets(self, topic: str | None, hashtags: Sequence[str]) -> tuple[Target, ...]:
        """Return everything that is there, whatever hashtags are asked for: a file says itself what it holds.

        Raises:
            DataError: nothing there is of a known kind.
        """
        found = [Target("file", name, topic) for name in self._names if self._is_table(name) or POSTS.fullmatch(name)]
        for folder in sorted(self._instaloader):
            tag = PurePosixPath(folder).name
            query_tag = normalise(tag) if tag.startswith("#") else None
            found.append(Target("file", f"{folder}/", topic, query_tag))
        if not found:
            if any(HTML_POSTS.fullmatch(name) for name in self._names):
                raise DataError(f"{self._path} is an export in HTML; ask Instagram for it again, as JSON")
            raise DataError(
                f"{self._path} holds nothing that is known: no files named as Instaloader does, no posts_1.json of "
                f"Instagram's export, no {', '.join(sorted(ENDINGS))}"
            )
        return tuple(found)

    def address(self, target: Target) -> str | None:
        """Return None: nothing is fetched."""
        return None

    def fetch(self, target: Target) -> Page:
        """Return one page of a file or a folder; what is broken in it gets a target of its own."""
        demand_kind(self.name, target, ("file",))
        if target.value.endswith("/"):
            return self._instaloader_page(target)
        if POSTS.fullmatch(target.value):
            return self._export_page(target)
        if self._is_table(target.value):
            return self._table_page(target)
        return self._single_page(target)

    def picture(self, address: str) -> bytes:
        """Return a picture's bytes, from the folder or archive."""
        if address.startswith(_REMOTE):
            raise PageRefused("a picture that is named by its address on the web is not fetched; download it first")
        return self._files.read(address, MAX_PICTURE_BYTES)

    def close(self) -> None:
        """Do nothing: every file is closed once it is read."""

    @cached_property
    def _names(self) -> list[str]:
        return self._files.names() if self._only is None else [self._only]

    @cached_property
    def _instaloader(self) -> dict[str, dict[str, PostFiles]]:
        return group(self._names)

    def _is_table(self, name: str) -> bool:
        return PurePosixPath(name).suffix in ENDINGS and self._files is self._folder

    def _instaloader_page(self, target: Target) -> Page:
        posts = self._instaloader.get(target.value.removesuffix("/"), {})
        stems = sorted(stem for stem in posts if target.cursor is None or stem > target.cursor)
        found: list[FoundPost] = []
        onward: list[Target] = []
        for stem in stems[:PAGE]:
            try:
                post = read_post(self._files, posts[stem])
            except CrawlError:
                broken = posts[stem].description or posts[stem].text
                onward.append(target.towards("file", str(broken)))
                continue
            if post is not None:
                found.append(post)
        if len(stems) > PAGE:
            onward.append(target.at(stems[PAGE - 1]))
        return Page(tuple(found), tuple(onward))

    def _single_page(self, target: Target) -> Page:
        """Return the post that an Instaloader file is of; it is asked for when the folder's page could not read it."""
        for posts in self._instaloader.values():
            for files in posts.values():
                if target.value in (files.description, files.text):
                    post = read_post(self._files, files)
                    return Page(() if post is None else (post,))
        raise PageRefused(f"{target.value} is not there, or of no kind that is known")

    def _export_page(self, target: Target) -> Page:
        match = POSTS.fullmatch(target.value)
        assert match is not None
        entries = entries_of(read_text_bytes(self._files, target.value), target.value)
        first, _, alone = (target.cursor or "0").partition(":")
        begin = int(first)
        author = self._account(match["root"])
        found: list[FoundPost] = []
        onward: list[Target] = []
        for index, entry in enumerate(entries[begin : begin + (1 if alone else PAGE)], begin):
            try:
                post = export_post(entry, match["root"], author)
            except PageBroken as error:
                if alone:
                    raise PageBroken(f"{target.value}, entry {index + 1}: {error}") from error
                onward.append(target.at(f"{index}:1"))
                continue
            if post is not None:
                found.append(post)
        if not alone and begin + PAGE < len(entries):
            onward.append(target.at(str(begin + PAGE)))
        return Page(tuple(found), tuple(onward))

    def _table_page(self, target: Target) -> Page:
        begin = RecordStart.from_cursor(target.cursor)
        page = read_page(self._folder.path(target.value), target.value, begin, self._columns, PAGE)
        starts = (*page.bad, *(() if page.onward is None else (page.onward,)))
        return Page(page.posts, tuple(target.at(start.cursor()) for start in starts))

    def _account(self, root: str) -> str | None:
        for folder in _ABOUT_ACCOUNT:
            try:
                return account_name(self._files.read(f"{root}{folder}personal_information.json", MAX_TEXT_BYTES))
            except CrawlError:
                continue
        return None
