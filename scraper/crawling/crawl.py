"""The loop that turns targets into posts on the disk, and decides when to wait, to leave out and to stop."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from scraper.crawling.figures import Budget, CrawlFigures
from scraper.crawling.frontier import Frontier, HeldTarget, WaitingPost
from scraper.crawling.pace import Pace
from scraper.crawling.picture_files import PictureFiles, UnusablePicture, picture_stem
from scraper.crawling.politeness import Politeness
from scraper.crawling.privacy import Privacy, post_record
from scraper.crawling.shards import Shards
from scraper.errors import CrawlError, LoginWall, PageBroken, PageRefused, PageUnreachable, TooManyRequests
from scraper.port import Page, PageSource
from scraper.web.addresses import host_of

T = TypeVar("T")

TRIES = 3
"""Times that a page or picture out of reach is tried in one run."""
FIRST_WAIT_S = 30.0
OUT_OF_REACH = 10
"""Failures in a row after which it is the network, not the page."""
BATCH = 16
"""Posts that are written together."""


@dataclass(frozen=True, slots=True)
class CrawlParts:
    """What a crawl is made of.

    Attributes:
        source: where pages come from.
        frontier: what is still to fetch.
        shards: where posts go.
        pictures: where photographs go.
        privacy: hashes authors.
        politeness: admits requests.
        pace: is told how hosts answer.
        received: bytes that came through the web client so far.
        keep_broken: takes a page that could not be read, for a look.
        on_progress: is told after each page and each batch of posts.
        clock: seconds.
        sleep: waits so many seconds.
    """

    source: PageSource
    frontier: Frontier
    shards: Shards
    pictures: PictureFiles
    privacy: Privacy
    politeness: Politeness
    pace: Pace
    received: Callable[[], int] = lambda: 0
    keep_broken: Callable[[int, bytes], None] = lambda number, content: None
    on_progress: Callable[[CrawlFigures], None] = lambda figures: None
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep


class Crawl:
    """One run, from the state that the frontier holds; :attr:`figures` is right at every moment of it."""

    def __init__(self, parts: CrawlParts, budget: Budget) -> None:
        self._parts = parts
        self._budget = budget
        self._forgotten = parts.frontier.forgotten()
        self._failures = 0
        self._waited_s = 0.0
        self.figures = CrawlFigures(started=parts.clock())

    def run(self) -> CrawlFigures:
        """Fetch until nothing is left within reach or the budget is spent, and return the figures.

        Raises:
            LoginWall: the platform wants an account; the message says what to do.
            TooManyRequests: a host refuses too often, or wants a wait that is not sat out.
            HostBusy: another crawl is at work on the host.
            PageUnreachable: nothing can be reached any more.
            StorageError: the disk is full.
        """
        parts = self._parts
        try:
            self._settle()
            while not self._spent():
                held = parts.frontier.next_target()
                if held is not None:
                    self._work(held)
                    self._settle()
                elif (moment := parts.frontier.next_moment()) is None:
                    self.figures.ended = "finished"
                    break
                else:
                    self._wait(moment - parts.clock())
            return self.figures
        except CrawlError as error:
            self.figures.ended = str(error)
            raise
        finally:
            self._tell()

    # ---- pages -----------------------------------------------------------------------------------

    def _work(self, held: HeldTarget) -> None:
        """Fetch one target and note what became of it."""
        frontier, target = self._parts.frontier, held.target
        if target.kind == "profile" and self._author(target.value) in self._forgotten:
            frontier.leave_out(held, "refused", "asked to be forgotten")
            return
        address = self._parts.source.address(target)
        received = self.figures.n_bytes
        try:
            page = self._ask(address, lambda: self._fetch(address, held))
        except PageRefused as error:
            frontier.leave_out(held, "refused", str(error))
            self.figures.trouble("pages refused")
        except PageBroken as error:
            frontier.leave_out(held, "broken", str(error))
            self.figures.trouble("pages broken")
            if error.content is not None:
                self._parts.keep_broken(held.number, error.content)
        except PageUnreachable as error:
            self.figures.trouble("pages out of reach")
            if held.attempts + 1 >= TRIES:
                frontier.leave_out(held, "failed", str(error))
            else:
                frontier.put_off(held, str(error), FIRST_WAIT_S * 2.0**held.attempts)
            self._count_failure(error)
        else:
            if page is not None:
                self.figures.n_bytes += max(0, page.n_bytes - (self.figures.n_bytes - received))
                self._arrive(held, page)
        self._tell()

    def _fetch(self, address: str | None, held: HeldTarget) -> Page:
        if address is not None:
            self._parts.politeness.grant(address)
        return self._timed(lambda: self._parts.source.fetch(held.target))

    def _arrive(self, held: HeldTarget, page: Page) -> None:
        source, privacy = self._parts.source.name, self._parts.privacy
        posts = []
        for found in page.posts:
            record = post_record(found, source, held.target, privacy)
            if record is None:
                self.figures.trouble("posts without an id")
            elif privacy.post(source, found.post_id) in self._forgotten or record["author"] in self._forgotten:
                self.figures.forgotten += 1
            else:
                posts.append(WaitingPost(found.post_id, record, found.pictures))
        onward = (
            replace(
                target, topic=target.topic or held.target.topic, query_tag=target.query_tag or held.target.query_tag
            )
            for target in page.targets
        )
        n_new = self._parts.frontier.arrived(held, posts, onward)
        self.figures.known += len(posts) - n_new
        self.figures.pages += 1

    def _author(self, name: str) -> str:
        return self._parts.privacy.author(self._parts.source.name, name)

    # ---- posts -----------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Give every waiting post its picture and its line."""
        while not self._spent() and (waiting := self._parts.frontier.waiting(BATCH)):
            records = [self._pictured(post) for post in waiting]
            self._parts.shards.append(records)
            self.figures.posts += len(records)
            self.figures.pictures += sum("image" in record for record in records)
            self._tell()

    def _pictured(self, post: WaitingPost) -> dict[str, Any]:
        """Return a post's line, with its picture if that can be fetched."""
        stem = picture_stem(self._parts.source.name, post.post_id)
        found = self._parts.pictures.find(stem) or self._take_picture(stem, post)
        if found is None:
            return post.record
        return {**post.record, "image": f"../{self._parts.pictures.folder.name}/{found}"}

    def _take_picture(self, stem: str, post: WaitingPost) -> str | None:
        for address in post.pictures:
            for _ in range(TRIES):
                try:
                    data = self._ask_until_answered(address)
                    return self._parts.pictures.keep(stem, data)
                except PageUnreachable as error:
                    self.figures.trouble("pictures out of reach")
                    self._count_failure(error)
                except UnusablePicture as error:
                    self.figures.trouble(f"pictures: {error}")
                    break
                except (PageRefused, PageBroken):
                    self.figures.trouble("pictures refused")
                    break
        if post.pictures:
            self._parts.frontier.without_picture(post.post_id)
        return None

    def _ask_until_answered(self, address: str) -> bytes:
        while True:
            data = self._ask(address, lambda: self._timed(lambda: self._parts.source.picture(address)))
            if data is not None:
                return data

    # ---- what both need --------------------------------------------------------------------------

    def _ask(self, address: str | None, request: Callable[[], T]) -> T | None:
        """Return what ``request`` gives, or None when the host asked to slow down and has been given that time."""
        host = _host(address)
        self.figures.requests += 1
        try:
            answer = request()
        except TooManyRequests as error:
            self.figures.trouble("asked to slow down")
            try:
                moment = self._parts.pace.refused(host, error.retry_after_s)
            finally:
                self._parts.frontier.hold_host(host, self._parts.pace.not_before(host))
            self._wait(moment - self._parts.clock())
            return None
        except LoginWall as error:
            raise LoginWall(
                f"{error}. The crawl stopped and its state is kept. Wait some hours and run the same command again, "
                "or log in with a browser, save its cookies to a file, and run it with --cookies FILE"
            ) from error
        except (PageRefused, PageBroken):
            self._parts.pace.answered(host)
            self._failures = 0
            raise
        self._parts.pace.answered(host)
        self._failures = 0
        return answer

    def _timed(self, work: Callable[[], T]) -> T:
        before, received = self._parts.clock(), self._parts.received()
        waited = self._parts.pace.waited_s
        try:
            return work()
        finally:
            self.figures.fetching_s += self._parts.clock() - before - (self._parts.pace.waited_s - waited)
            self.figures.n_bytes += self._parts.received() - received

    def _count_failure(self, error: PageUnreachable) -> None:
        self._failures += 1
        if self._failures >= OUT_OF_REACH:
            raise PageUnreachable(
                f"{self._failures} requests in a row failed, the last with: {error}. The crawl stopped and "
                "its state is kept; check the network, then run the same command again"
            ) from error

    def _spent(self) -> bool:
        budget, figures = self._budget, self.figures
        if budget.requests is not None and figures.requests >= budget.requests:
            figures.ended = f"the budget of {budget.requests:,} requests is spent"
        elif budget.n_bytes is not None and figures.n_bytes >= budget.n_bytes:
            figures.ended = f"the budget of {budget.n_bytes / 1e6:,.0f} MB is spent"
        return figures.ended != ""

    def _wait(self, seconds: float) -> None:
        if seconds > 0:
            self._parts.sleep(seconds)
            self._waited_s += seconds

    def _tell(self) -> None:
        figures = self.figures
        figures.seconds = self._parts.clock() - figures.started
        figures.waiting_s = self._waited_s + self._parts.pace.waited_s
        figures.left = self._parts.frontier.n_left()
        self._parts.on_progress(figures)


def _host(address: str | None) -> str:
    """Return the host of an address, or "" for a file or none."""
    try:
        return host_of(address or "")
    except PageRefused:
        return ""
