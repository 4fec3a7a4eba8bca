"""How far a crawl is, for a person who waits: posts a minute, and what is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text

from scraper.crawling.figures import CrawlFigures

EVERY = 100
"""Posts between two lines where there is no terminal."""


@contextmanager
def show_crawl(console: Console) -> Iterator[Callable[[CrawlFigures], None]]:
    """Yield what shows a crawl's figures: one line that changes on a terminal, now and then a line elsewhere."""
    if console.is_terminal:
        with console.status("collecting") as status:
            yield lambda figures: status.update(Text(progress_line(figures)))
        return
    shown = 0

    def show(figures: CrawlFigures) -> None:
        nonlocal shown
        if figures.posts >= shown + EVERY:
            shown = figures.posts
            console.print(progress_line(figures), highlight=False, markup=False, soft_wrap=True)

    yield show


def progress_line(figures: CrawlFigures) -> str:
    """Return what has come, how fast, and what is left that is known of."""
    return (
        f"{figures.posts:,} posts ({figures.posts_a_minute:,.0f} a minute), {figures.pictures:,} with a picture, "
        f"{figures.pages:,} pages; {figures.left:,} pages left that are known of"
    )
