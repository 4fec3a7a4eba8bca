"""Fresh trends for a store of bundles, without a new bundle."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.atomic import storage_errors
from core.bundle.manifest import MANIFEST_NAME
from core.clock import UtcClock, utc_now
from core.errors import DataError
from core.text.blocklist import load_blocklist
from core.trend_snapshot import SNAPSHOT_FILE, TrendSnapshot, write_snapshot
from pipelines.corpus.posts import FolderPosts, Tally
from pipelines.corpus.topics import lexicon_of_corpus
from pipelines.trends.counting import TrendTally, count_trends
from pipelines.trends.searched_hashtags import read_searched, refresh_searched
from pipelines.workshop.progress import ProgressPort
from scraper.top_hashtags import RanksHashtags

SEARCHED_FILE = Path("crawl", "searched_hashtags.json")


@dataclass(frozen=True, slots=True)
class Search:
    """Whom to ask for top hashtags.

    Attributes:
        source: the platform.
        words: what to ask for; None for each topic's name.
    """

    source: RanksHashtags
    words: tuple[str, ...] | None = None


def refresh_trends(
    corpus: Path,
    store: Path,
    lexicon: Path | None,
    *,
    progress: ProgressPort,
    search: Search | None = None,
    now: UtcClock = utc_now,
) -> tuple[Path, TrendSnapshot, TrendTally]:
    """Count a corpus and write its trends beside the bundles of ``store``.

    Args:
        corpus: a folder with ``posts``.
        store: the store, or a bundle in it.
        lexicon: which hashtags mark which topic; None for the corpus' own, else what `tagsmith collect` searches by.
        progress: told how far it is.
        search: whom to ask for top hashtags besides; None keeps the answers of before.
        now: the clock.

    Returns:
        Where the trends lie, the trends, and what was counted.

    Raises:
        DataError: there are no posts, or none with a time; the trends of before stay.
        StorageError: the disk is full or the store cannot be written; the trends of before stay.
    """
    topics = lexicon_of_corpus(corpus, lexicon).marking
    blocklist = load_blocklist()
    cache = corpus / SEARCHED_FILE
    if search is None:
        searched = read_searched(cache)
    else:
        words = tuple(topics) if search.words is None else search.words
        searched = refresh_searched(search.source, words, cache, blocklist, now=now, progress=progress)
    tally, reading = TrendTally(), Tally()
    posts = corpus / "posts"
    progress.note(f"counting the posts in {posts}")
    snapshot = count_trends(
        lambda: FolderPosts(posts, reading, min_hashtags=1).posts(),
        topics,
        blocklist,
        corpus=f"posts of the corpus {corpus.resolve().name}",
        now=now(),
        tally=tally,
        searched=searched,
    )
    if snapshot is None:
        raise DataError(f"{posts} has no two posts with a time; trends need posts with `time`, see docs/data.md")
    folder = store.parent if (store / MANIFEST_NAME).is_file() else store
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    file = folder / SNAPSHOT_FILE
    write_snapshot(snapshot, file)
    return file, snapshot, tally
