"""Sources opened on a local site, and crawled with the real loop, over a real network of one machine."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from pipelines.collecting.collect import Wish, collect
from pipelines.config.collect import CollectConfig, load_collect_config
from scraper.crawling.figures import CrawlFigures
from scraper.crawling.pace import PaceLimits
from scraper.port import FoundPost, PageSource, Target
from scraper.sources import SourceOptions, open_source
from scraper.web.client import GuardedWeb
from tests.support.dump_world import all_pages
from tests.support.social_sites.server import SocialSite

LOOPBACK = frozenset({"127.0.0.1"})
AGENT = "tagsmith/test (test@tagsmith.example)"
QUICK = PaceLimits(pause_s=0.0, jitter=0.0, first_back_off_s=0.05, longest_wait_s=5.0, refusals=4)


class Addressed(Protocol):
    """A server that runs."""

    @property
    def address(self) -> str:
        """Return ``http://127.0.0.1:port``."""
        ...


def session_file(folder: Path, session: str = "secret-session") -> Path:
    """Write a session as Instaloader saves it, and return where."""
    path = folder / "session-lena"
    path.write_bytes(pickle.dumps({"sessionid": session, "csrftoken": "t", "ds_user_id": "17"}))
    return path


@contextmanager
def opened(
    name: str,
    site: Addressed,
    *,
    cookies: Path | None = None,
    files: Path | None = None,
    admit: Callable[[str], None] = lambda address: None,
    timeout_s: float = 10.0,
    page_size: int = 40,
    licences: tuple[str, ...] = ("cc0", "pd", "by", "by-sa"),
) -> Iterator[Any]:
    """Yield a source that asks the local site."""
    web = GuardedWeb(AGENT, admit=admit, allowed_hosts=LOOPBACK, timeout_s=timeout_s)
    options = SourceOptions(
        web=web,
        admit=admit,
        user_agent=AGENT,
        instance=site.address,
        cookies=cookies,
        files=files,
        allowed_hosts=LOOPBACK,
        page_timeout_s=timeout_s,
        page_size=page_size,
        licences=licences,
    )
    source = open_source(name, options)
    try:
        yield source
    finally:
        source.close()
        web.close()


def everything(source: PageSource, targets: Sequence[Target]) -> list[FoundPost]:
    """Return the posts of all pages from these targets on, each target once."""
    return [post for page in all_pages(source, targets) for post in page.posts]


def crawl_config(name: str, site: SocialSite, **changes: Any) -> CollectConfig:
    """Return how to collect from the local site, without waiting between requests."""
    return replace(
        load_collect_config(),
        source=name,
        instance=site.address,
        contact="test@tagsmith.example",
        allow_hosts=("127.0.0.1",),
        page_timeout_s=5.0,
        pace=QUICK,
        **changes,
    )


def crawled(corpus: Path, wish: Wish, config: CollectConfig) -> CrawlFigures:
    """Run a crawl into ``corpus`` and return its figures."""
    _, figures = collect(corpus, wish, config, corpus.parent / "installation", on_progress=lambda figures: None)
    return figures


def corpus_posts(corpus: Path) -> list[dict[str, Any]]:
    """Return every line of a corpus."""
    shards = sorted((corpus / "posts").glob("*.jsonl"))
    return [json.loads(line) for shard in shards for line in shard.read_text(encoding="utf-8").splitlines()]
