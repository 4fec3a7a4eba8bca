"""How far a crawl is, in a line."""

from __future__ import annotations

from io import StringIO

from rich.console import Console

from pipelines.collecting.progress import progress_line, show_crawl
from scraper.crawling.figures import CrawlFigures


def test_a_line_says_what_has_come_how_fast_and_what_is_left() -> None:
    """Posts a minute are those of this run."""
    line = progress_line(CrawlFigures(posts=1_200, pictures=900, pages=60, seconds=360.0, left=35))
    assert line == "1,200 posts (200 a minute), 900 with a picture, 60 pages; 35 pages left that are known of"


def test_a_run_that_has_just_begun_divides_by_nothing() -> None:
    """Its first line comes before its first second."""
    assert "0 posts (0 a minute)" in progress_line(CrawlFigures())


def test_where_there_is_no_terminal_a_line_comes_now_and_then() -> None:
    """A log file of a night is read in the morning."""
    out = StringIO()
    figures = CrawlFigures()
    with show_crawl(Console(file=out, width=200)) as show:
        for figures.posts in range(0, 501, 10):
            show(figures)
    assert len(out.getvalue().splitlines()) == 5
