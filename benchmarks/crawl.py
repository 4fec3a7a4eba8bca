"""What the crawl adds to the time that the browser needs for its pages.

    python -m benchmarks.crawl --posts 200

Starts the photo-sharing site of ``tests/support/photo_site`` as a process of its own and collects from it without
pauses. Before the crawl fetches a page, a second browser that does nothing else loads the same address to its end, so
that both meet the same load of the machine; the time for that is taken out of the crawl's. Prints the milliseconds of
each part a page, and the ratio of the crawl (pages, pictures, frontier, shards) to the bare page loads.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import selenium.webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

from pipelines.collecting.collect import Wish, collect
from pipelines.config.collect import load_collect_config
from scraper.port import Page, PageSource, Target
from scraper.sources import SourceOptions, open_source
from tests.support.photo_site.running import PROFILE, RunningSite
from tests.support.photo_site.server import SiteRules
from tests.support.photo_site.world import TOPICS

T = TypeVar("T")
WARM_UP = 5
"""Pages that are not counted: the browsers are being started."""


class BareBrowser:
    """A browser that loads pages to their end and looks at nothing."""

    def __init__(self) -> None:
        options = Options()
        options.binary_location = shutil.which("chromium") or ""
        for argument in ("--headless=new", "--no-sandbox", "--blink-settings=imagesEnabled=false"):
            options.add_argument(argument)
        self._driver = selenium.webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver") or ""))

    def load(self, address: str) -> None:
        """Return when the page is loaded."""
        self._driver.get(address)

    def close(self) -> None:
        """End it."""
        self._driver.quit()


@dataclass(slots=True)
class Measured:
    """A ``PageSource`` that loads every page in the bare browser first and notes the seconds of both.

    Attributes:
        inner: the source.
        bare: the browser beside it.
        seconds: part -> seconds of each page or picture, in their order.
    """

    inner: PageSource
    bare: BareBrowser
    seconds: dict[str, list[float]] = field(
        default_factory=lambda: {
            "bare post page": [],
            "bare list page": [],
            "post page": [],
            "list page": [],
            "picture": [],
        }
    )

    @property
    def name(self) -> str:
        """The source's."""
        return self.inner.name

    def targets(self, topic: str | None, hashtags: Sequence[str]) -> tuple[Target, ...]:
        """The source's."""
        return self.inner.targets(topic, hashtags)

    def address(self, target: Target) -> str | None:
        """The source's."""
        return self.inner.address(target)

    def fetch(self, target: Target) -> Page:
        """Load the page bare, then have the source fetch it."""
        kind = "list page" if target.kind == "tag" else "post page"
        self._timed(f"bare {kind}", lambda: self.bare.load(self.inner.address(target) or ""))
        return self._timed(kind, lambda: self.inner.fetch(target))

    def picture(self, address: str) -> bytes:
        """Time the source's."""
        return self._timed("picture", lambda: self.inner.picture(address))

    def close(self) -> None:
        """End both."""
        self.inner.close()
        self.bare.close()

    def _timed(self, part: str, work: Callable[[], T]) -> T:
        begun = time.perf_counter()
        result = work()
        self.seconds[part].append(time.perf_counter() - begun)
        return result


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posts", type=int, default=200, help="posts of the site, over ten topics")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        site = RunningSite(folder, SiteRules(n_posts=arguments.posts, hazards=False))
        try:
            report(*measure(folder, site))
        finally:
            site.stop()


def measure(folder: Path, site: RunningSite) -> tuple[Measured, float, int]:
    """Return the times, the seconds of the whole crawl, and the posts."""
    numbers = load_collect_config()
    config = replace(
        numbers,
        instance=site.address,
        files=str(PROFILE),
        allow_hosts=("127.0.0.1",),
        pace=replace(numbers.pace, pause_s=0.0, jitter=0.0),
    )
    made: list[Measured] = []

    def make(name: str, options: SourceOptions) -> PageSource:
        made.append(Measured(open_source(name, options), BareBrowser()))
        made[-1].bare.load(site.address)
        return made[-1]

    begun = time.perf_counter()
    _, figures = collect(
        folder / "corpus", Wish(TOPICS), config, folder / "installation", on_progress=lambda _: None, make_source=make
    )
    return made[0], time.perf_counter() - begun, figures.posts


def report(measured: Measured, total_s: float, n_posts: int) -> None:
    """Print the parts and the ratio."""
    seconds = measured.seconds
    print(f"{n_posts} posts, {len(seconds['post page'])} post pages, {len(seconds['list page'])} list pages")
    print(f"{'part':<16}{'n':>6}{'median ms':>12}{'mean ms':>10}{'p95 ms':>10}")
    for part, values in seconds.items():
        kept = values[WARM_UP:] if len(values) > 2 * WARM_UP else values
        p95 = statistics.quantiles(kept, n=20)[-1]
        shown = (statistics.median(kept), statistics.fmean(kept), p95)
        print(
            f"{part:<16}{len(kept):>6}"
            + "".join(f"{1000 * value:>{12 if i == 0 else 10}.1f}" for i, value in enumerate(shown))
        )
    bare = sum(seconds["bare post page"]) + sum(seconds["bare list page"])
    fetched = sum(sum(values) for part, values in seconds.items() if not part.startswith("bare"))
    crawl = total_s - bare
    n_pages = len(seconds["post page"]) + len(seconds["list page"])
    print(f"frontier, shards, start and end: {1000 * (crawl - fetched) / n_pages:.1f} ms a page")
    print(f"crawl without pauses: {1000 * crawl / n_pages:.1f} ms a page; bare browser: {1000 * bare / n_pages:.1f} ms")
    pages = sum(seconds["post page"]) + sum(seconds["list page"])
    print(f"pages alone to bare page loads: {pages / bare:.2f}")
    print(f"whole crawl to bare page loads: {crawl / bare:.2f}")


if __name__ == "__main__":
    main()
