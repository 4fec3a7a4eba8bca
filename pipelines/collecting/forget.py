"""Takes a person out of a corpus with all that a crawl knows of them, and names the bundles that learnt from them."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.atomic import replacing, storage_errors
from core.errors import DataError, InvalidOption
from core.posts import parse_line
from pipelines.cleaning.review import PAGE
from pipelines.cleaning.summary import FOLDER
from pipelines.collecting.collect import BROKEN_FOLDER, STATE_FOLDER, opened_state
from pipelines.corpus.posts import read_whole_lines
from pipelines.corpus.trainings import TrainedWith, trained_with
from scraper.crawling.privacy import Privacy, read_salt
from scraper.crawling.state_file import StateFile
from scraper.sources import SOURCES


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was taken out.

    Attributes:
        posts: lines removed, from shards and from every other list of posts in the corpus.
        pictures: files removed.
        waiting: posts that were on their way.
        bundles: what is known of the bundles that learnt from the corpus.
        store: where those bundles lie.
    """

    posts: int
    pictures: int
    waiting: int
    bundles: TrainedWith
    store: Path

    def as_text(self) -> str:
        """Return it as sentences."""
        lines = [
            f"removed {self.posts:,} posts and {self.pictures:,} pictures, {self.waiting:,} more on their way; "
            "they are not collected again"
        ]
        if not (self.posts or self.waiting):
            lines.append(
                "nothing of it was in the corpus; check the spelling, and that --installation holds the right salt"
            )
        for what, names in (
            ("trained with them, so train again and take these out of use", self.bundles.yes),
            ("trained from this corpus without them", self.bundles.no),
            ("not in this corpus's ledger, so it cannot be told", self.bundles.unknown),
        ):
            if names:
                lines.append(f"bundles in {self.store} {what}: {', '.join(names)}")
        lines.append(
            "copies that you made elsewhere (cleaned corpora, contact sheets, backups) are yours to look after"
        )
        return "\n".join(lines)


@dataclass(slots=True)
class _Found:
    """What is to go: id -> hash of its author, pictures, and the files with how many lines of them."""

    posts: dict[str, str | None] = field(default_factory=dict)
    pictures: set[Path] = field(default_factory=set)
    files: dict[Path, int] = field(default_factory=dict)


def forget(
    corpus: Path, authors: tuple[str, ...], posts: tuple[str, ...], store: Path, installation: Path
) -> Forgotten:
    """Remove authors' and single posts from a corpus, and remember not to collect them again.

    It is remembered before anything is removed, so that the same call after a kill removes the rest.

    Args:
        corpus: the folder; a cleaned copy has the same form and is another corpus.
        authors: account names as the platform writes them, with or without ``@``.
        posts: ids as they stand in the corpus, ``source:id``.
        store: bundles to look through.
        installation: folder with the salt that the corpus's authors were hashed with.

    Raises:
        InvalidOption: nothing is named, or a post's id has no source.
        DataError: there is no corpus.
        StorageError: it cannot be written, or a crawl is at work in it.
    """
    if not authors and not posts:
        raise InvalidOption("name an --author or a --post", field="author")
    if wrong := [post for post in posts if not all(post.partition(":"))]:
        raise InvalidOption(f"a post's id is written source:id, not {wrong[0]!r}", field="post")
    if not corpus.is_dir():
        raise DataError(f"{corpus} does not exist; name the corpus with --corpus")
    privacy = Privacy(read_salt(installation))
    with opened_state(corpus) as state:
        sources = {kind.name for kind in SOURCES} | {source for (source,) in state.rows("SELECT source FROM post")}
        author_hashes = {privacy.author(source, name) for source in sources for name in authors}
        found = _find(corpus, author_hashes, set(posts))
        _remember(state, privacy, author_hashes, {**dict.fromkeys(posts), **found.posts})
        for path in found.files:
            _rewrite(path, author_hashes, set(posts))
        n_pictures = sum(_delete(path) for path in found.pictures)
        n_waiting = _clear_state(state, author_hashes, {*found.posts, *posts}, authors)
        shutil.rmtree(corpus / STATE_FOLDER / BROKEN_FOLDER, ignore_errors=True)
        # A page for people, which shows dropped posts of anyone: cleaning writes it again.
        (corpus / FOLDER / PAGE).unlink(missing_ok=True)
        meant = {*author_hashes, *(_hash(privacy, post) for post in posts)}
        rows = state.rows("SELECT hash, author FROM forgotten WHERE kind = 'post'")
        hashes = frozenset(post for post, author in rows if post in meant or author in meant)
        bundles = trained_with(corpus / STATE_FOLDER, store, hashes)
    return Forgotten(sum(found.files.values()), n_pictures, n_waiting, bundles, store)


def _find(corpus: Path, authors: set[str], posts: set[str]) -> _Found:
    """Return what is to go: it is known, and remembered, before the first of it goes."""
    found = _Found()
    for path in sorted((*corpus.rglob("*.jsonl"), *corpus.rglob("*.jsonl.gz"))):
        if path.is_symlink():
            continue
        for _, record in _lines(path):
            if not _is_meant(record, authors, posts):
                continue
            found.files[path] = found.files.get(path, 0) + 1
            found.posts[str(record["id"])] = record.get("author")
            image = record.get("image")
            if isinstance(image, str) and (picture := (path.parent / image).resolve()).is_relative_to(corpus.resolve()):
                found.pictures.add(picture)
    return found


def _remember(state: StateFile, privacy: Privacy, authors: set[str], posts: dict[str, str | None]) -> None:
    """Note whom not to collect again; whose a post was is noted too, so that asking once more gives the same answer."""
    with state.transaction() as sql:
        for author in sorted(authors):
            sql.execute("INSERT OR IGNORE INTO forgotten VALUES ('author', ?, NULL)", (author,))
        for post, author_of_post in sorted(posts.items()):
            values = (_hash(privacy, post), author_of_post)
            sql.execute("INSERT OR IGNORE INTO forgotten VALUES ('post', ?, ?)", values)


def _hash(privacy: Privacy, post: str) -> str:
    source, _, post_id = post.partition(":")
    return privacy.post(source, post_id)


def _rewrite(path: Path, authors: set[str], posts: set[str]) -> None:
    """Write a list of posts anew without what is to go."""
    with replacing(path) as whole:
        out = gzip.GzipFile("", "wb", 6, whole, mtime=0) if path.name.endswith(".gz") else nullcontext(whole)
        with out as lines:
            for line, record in _lines(path):
                if not _is_meant(record, authors, posts):
                    lines.write(line)


def _lines(path: Path) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """Yield each line with its record, which is empty where the line holds none."""
    for _, line in read_whole_lines(path):
        try:
            record = parse_line(line)
        except ValueError:
            record = {}
        yield line, record


def _is_meant(record: dict[str, Any], authors: set[str], posts: set[str]) -> bool:
    return "id" in record and (record.get("author") in authors or str(record["id"]) in posts)


def _delete(picture: Path) -> bool:
    if not picture.is_file():
        return False
    with storage_errors(picture):
        picture.unlink()
    return True


def _clear_state(state: StateFile, authors: set[str], posts: set[str], names: tuple[str, ...]) -> int:
    """Take posts and what led to them out of the crawl's state, and return how many were on their way."""
    rows = state.rows("SELECT source, post_id, record, target FROM post WHERE state = 'waiting'")
    waiting = [
        (source, post_id)
        for source, post_id, record, _ in rows
        if json.loads(record).get("author") in authors or f"{source}:{post_id}" in posts
    ]
    gone = sorted({*waiting, *((source, post_id) for source, _, post_id in (post.partition(":") for post in posts))})
    with state.transaction() as sql:
        sql.execute("PRAGMA secure_delete = ON")
        for source, post_id in gone:
            sql.execute(
                "DELETE FROM target WHERE kind = 'post' AND id ="
                " (SELECT target FROM post WHERE source = ? AND post_id = ?)",
                (source, post_id),
            )
            sql.execute("DELETE FROM post WHERE source = ? AND post_id = ?", (source, post_id))
        for name in names:
            sql.execute(
                "DELETE FROM target WHERE kind = 'profile' AND ltrim(lower(value), '@') = ltrim(lower(?), '@')", (name,)
            )
    state.vacuum()
    return len(waiting)
