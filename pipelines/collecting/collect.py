"""One crawl into a corpus: opened, driven, shown while it runs, reported, and taken up again where it ended."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.text import Text

from core.atomic import storage_errors, write_atomic
from core.clock import utc_timestamp
from core.errors import InvalidOption, StorageError
from core.locks import hold_work_folder
from core.version import installed_version
from models.classifier.decode import open_picture
from models.classifier.survey import survey
from pipelines.collecting.report import write_collect_report
from pipelines.config.collect import CollectConfig
from scraper.crawling.crawl import Crawl, CrawlParts
from scraper.crawling.figures import Budget, CrawlFigures
from scraper.crawling.frontier import Frontier, paused_hosts
from scraper.crawling.pace import Pace
from scraper.crawling.picture_files import PictureFiles, PictureReader
from scraper.crawling.politeness import Politeness
from scraper.crawling.privacy import Privacy, read_salt
from scraper.crawling.shards import Shards
from scraper.crawling.state_file import StateFile
from scraper.port import PageSource, Target
from scraper.sources import SourceOptions, open_source, source_kind
from scraper.web.client import GuardedWeb, user_agent

LOGGER = logging.getLogger(__name__)

STATE_FOLDER = "crawl"
STATE_FILE = "frontier.sqlite"
RUNS_FILE = "runs.jsonl"
BROKEN_FOLDER = "broken"
ALL_PAGES = 2**31
MAX_BROKEN = 50
MAX_BROKEN_BYTES = 256 * 1024
POSTS_A_LINE = 100
"""Posts between two lines of progress where there is no terminal."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What to collect.

    Attributes:
        topics: topics of the configuration; each is searched by its hashtags.
        hashtags: hashtags or words without a topic.
        targets: (kind, value) pairs as a person names them: a profile, a post, a location.
    """

    topics: tuple[str, ...] = ()
    hashtags: tuple[str, ...] = ()
    targets: tuple[tuple[str, str], ...] = ()


class Collected(NamedTuple):
    """What a run of a crawl left.

    Attributes:
        page: of the report.
        figures: what this run has done.
    """

    page: Path
    figures: CrawlFigures


def first_targets(wish: Wish, config: CollectConfig, source: PageSource) -> tuple[Target, ...]:
    """Return what a crawl begins with.

    Without any wish, all topics of the configuration are searched; a source that is not searched gives what it has.

    Raises:
        InvalidOption: a topic is not in the configuration, or the source has no such kind of target.
    """
    kinds = source_kind(source.name).kinds
    searched = "tag" in kinds or "search" in kinds
    for kind, _ in wish.targets:
        if kind not in kinds:
            raise InvalidOption(
                f"the source {source.name!r} has no target of the kind {kind!r}; it has {', '.join(kinds)}",
                field="target",
            )
    for topic in wish.topics:
        if topic not in config.topics:
            known = ", ".join(config.topics) or "none"
            raise InvalidOption(f"the configuration has no topic {topic!r}; it has {known}", field="topic")
    found = [Target(kind, value) for kind, value in wish.targets]
    if wish.hashtags:
        found += source.targets(None, wish.hashtags)
    topics = wish.topics
    if not (topics or wish.hashtags or wish.targets):
        topics = tuple(config.topics) if searched else ()
        found += () if searched else source.targets(None, ())
    for topic in topics:
        found += source.targets(topic, config.topics[topic])
    if not found:
        raise InvalidOption("there is nothing to collect; name a --topic, a --tag or a --target", field="topic")
    return tuple(found)


def collect(
    corpus: Path,
    wish: Wish,
    config: CollectConfig,
    installation: Path,
    *,
    on_progress: Callable[[CrawlFigures], None],
    again: bool = False,
    make_source: Callable[[str, SourceOptions], PageSource] = open_source,
) -> Collected:
    """Collect until nothing is left within reach or the budget is spent.

    Whatever ends it (a login wall, a signal, a full disk), the same call goes on from there, and the report is written.

    Args:
        corpus: the folder; made when it is not there.
        wish: what to collect.
        config: how.
        installation: folder with the salt and the hosts' locks, shared by all crawls of this installation.
        on_progress: told of the figures as they grow.
        again: whether finished lists are asked anew, and what was refused or broken is tried once more.
        make_source: from name and options to the source.

    Raises:
        InvalidOption: what is asked for does not fit the source or the configuration.
        CrawlError: the crawl stopped before its end; the message says what to do.
        StorageError: the disk is full, or another crawl is at work in the corpus.
    """
    if source_kind(config.source).network and not config.contact:
        LOGGER.warning("no --contact is given, so site owners cannot reach you; give an address or a page of yours")
    with opened_state(corpus) as state, ExitStack() as stack:
        salt = read_salt(installation)
        pace = Pace(config.pace, not_before=paused_hosts(state, time.time()))
        opened = stack.enter_context(opened_source(config, installation, pace, make_source))
        source = opened.source
        beginning = first_targets(wish, config, source)
        pages = ALL_PAGES if source_kind(source.name).whole else config.pages
        frontier = Frontier(state, source.name, pages=pages, topics={target.topic for target in beginning})
        shards = Shards(corpus, source.name, frontier)
        frontier.add_targets(beginning)
        frontier.revive()
        if again:
            frontier.begin_again(beginning)
        parts = CrawlParts(
            source=source,
            frontier=frontier,
            shards=shards,
            pictures=PictureFiles(corpus, PictureReader(survey, open_picture)),
            privacy=Privacy(salt),
            politeness=opened.politeness,
            pace=pace,
            received=lambda: opened.web.n_bytes,
            keep_broken=lambda number, content: _keep_broken(corpus, source.name, number, content),
            on_progress=on_progress,
        )
        crawl = Crawl(parts, Budget(config.requests or None, config.megabytes * 1_000_000 or None))
        started = utc_timestamp()
        try:
            crawl.run()
        except KeyboardInterrupt:
            crawl.figures.ended = "interrupted"
            raise
        except StorageError as error:
            crawl.figures.ended = str(error)
            raise
        finally:
            page = _tell(corpus, state, source.name, started, crawl.figures, config, tuple(shards.repaired))
        return Collected(page, crawl.figures)


@contextmanager
def opened_state(corpus: Path) -> Iterator[StateFile]:
    """Hold a corpus for this process alone, and yield the state of its crawls.

    Raises:
        StorageError: the folder cannot be made, or another crawl is at work in it.
        DataError: the state is damaged.
    """
    folder = corpus / STATE_FOLDER
    busy = f"another crawl is at work in {corpus}; wait for it, or choose another --out"
    with hold_work_folder(folder, busy), closing(StateFile(folder / STATE_FILE)) as state:
        yield state


@dataclass(frozen=True, slots=True)
class OpenedSource:
    """A source with what keeps it polite.

    Attributes:
        source: what posts come from.
        politeness: admits its requests.
        web: carries them.
    """

    source: PageSource
    politeness: Politeness
    web: GuardedWeb


@contextmanager
def opened_source(
    config: CollectConfig,
    installation: Path,
    pace: Pace,
    make_source: Callable[[str, SourceOptions], PageSource] = open_source,
) -> Iterator[OpenedSource]:
    """Yield the source of ``config``; arguments as for :func:`collect`, ``pace`` between requests to one host.

    Raises:
        InvalidOption: the configuration does not fit the source.
        MissingExtra: a package that the source needs is not installed.
    """
    agent = user_agent(installed_version(), config.contact)
    allowed = frozenset(host.lower() for host in config.allow_hosts)
    with ExitStack() as stack:
        bare = GuardedWeb(agent, allowed_hosts=allowed, timeout_s=config.page_timeout_s)
        stack.callback(bare.close)
        politeness = Politeness(pace, bare.get_start, installation, opted_out=frozenset(config.ignore_robots))
        stack.callback(politeness.close)
        web = GuardedWeb(agent, admit=politeness.admit, allowed_hosts=allowed, timeout_s=config.page_timeout_s)
        stack.callback(web.close)
        options = SourceOptions(
            web=web,
            admit=politeness.admit,
            permit=politeness.permit,
            user_agent=agent,
            instance=config.instance or None,
            cookies=Path(config.cookies) if config.cookies else None,
            files=Path(config.files) if config.files else None,
            columns=config.columns,
            allowed_hosts=allowed,
            page_timeout_s=config.page_timeout_s,
            headless=config.headless,
            page_size=config.page_size,
            licences=config.licences,
        )
        yield OpenedSource(stack.enter_context(closing(make_source(config.source, options))), politeness, web)


def _keep_broken(corpus: Path, source: str, number: int, content: bytes) -> None:
    """Keep the beginning of a page that could not be read, for its operator alone, and at most so many of them."""
    folder = corpus / STATE_FOLDER / BROKEN_FOLDER
    with storage_errors(folder):
        folder.mkdir(mode=0o700, exist_ok=True)
        if sum(1 for _ in folder.iterdir()) < MAX_BROKEN:
            write_atomic(folder / f"{source}-{number}.txt", content[:MAX_BROKEN_BYTES])


def _tell(
    corpus: Path,
    state: StateFile,
    source: str,
    started: str,
    figures: CrawlFigures,
    config: CollectConfig,
    repaired: tuple[str, ...],
) -> Path:
    """Add the run to the corpus's list and write the report; a full disk must not hide why the crawl ended."""
    folder = corpus / STATE_FOLDER
    run: dict[str, Any] = asdict(figures) | {"source": source, "started": started}
    run |= {"robots_left_aside": sorted(config.ignore_robots), "repaired": list(repaired)}
    try:
        with storage_errors(folder), (folder / RUNS_FILE).open("a", encoding="utf-8") as log:
            log.write(json.dumps(run) + "\n")
        return write_collect_report(folder, state)
    except StorageError as error:
        LOGGER.warning("the report could not be written: %s", error)
        return folder


@contextmanager
def crawl_display(console: Console) -> Iterator[Callable[[CrawlFigures], None]]:
    """Yield what shows a crawl's figures: one line that changes on a terminal, now and then a line elsewhere."""
    if console.is_terminal:
        with console.status("collecting") as status:
            yield lambda figures: status.update(Text(progress_line(figures)))
        return
    shown = 0

    def print_line(figures: CrawlFigures) -> None:
        nonlocal shown
        if figures.posts >= shown + POSTS_A_LINE:
            shown = figures.posts
            console.print(progress_line(figures), highlight=False, markup=False, soft_wrap=True)

    yield print_line


def progress_line(figures: CrawlFigures) -> str:
    """Return what has come, how fast, and what is left that is known of."""
    return (
        f"{figures.posts:,} posts ({figures.posts_a_minute:,.0f} a minute), {figures.pictures:,} with a picture, "
        f"{figures.pages:,} pages; {figures.left:,} pages left that are known of"
    )
