"""One page and one table, three ways to write them, and nothing in them that a reader's program obeys."""

from __future__ import annotations

import re
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.report.page import (
    Block,
    Code,
    Entry,
    Gallery,
    Heading,
    Link,
    Paragraph,
    Picture,
    html_page,
    markdown_page,
    text_page,
    write_page,
)
from pipelines.report.tables import Row, Table, html_table, markdown_table, text_table

PLACES = Table(
    ("places",),
    ("host", "posts"),
    (Row("a", ("x.example", 1200)), Row("b", ("y.example", 300)), Row("c", (None, None))),
    corner="where",
    bar="posts",
)
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=y>|`[a](javascript:b)\x1b[2J&amp;"


def blocks_about(text: str) -> tuple[Block, ...]:
    """Return every kind of block with ``text`` wherever a block holds one."""
    table = Table((text,), (text, "n"), (Row(text, (text, 1)),), corner=text, bar="n")
    picture = Picture(b"png", text, text)
    inner = (Heading(text), Heading(text, 3), Paragraph(text), Paragraph(text, "notice"), Link(text, "b.html"))
    return (*inner, Code(text), picture, Gallery((picture,)), table, Entry((*inner, table)))


class Elements(HTMLParser):
    """Collects what a browser would make of a page."""

    def __init__(self) -> None:
        """Begin with nothing."""
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        """Note a text."""
        self.words.append(data)


def elements(page: str) -> Elements:
    """Return the elements of a page."""
    parser = Elements()
    parser.feed(page)
    return parser


@given(text=st.text(max_size=30) | st.just(HOSTILE))
def test_no_text_adds_an_element_to_a_page(text: str) -> None:
    """Captions, hashtags and hosts come from strangers."""
    harmless = elements(html_page("x", blocks_about("x")))
    found = elements(html_page(text, blocks_about(text)))
    assert found.tags == harmless.tags
    assert found.attributes == harmless.attributes


def test_a_page_shows_markup_as_text() -> None:
    """Nothing of it is lost either."""
    assert "".join(elements(html_page("x", [Paragraph(HOSTILE)])).words).count(HOSTILE) == 1


def test_a_page_forbids_what_it_does_not_hold() -> None:
    """If a text ever got through, it would load nothing and run nothing."""
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html_page("x", []))
    assert policy is not None
    assert policy[1] == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def test_hostile_names_stay_in_their_cell_of_markdown() -> None:
    """No HTML, no link, and as many cells as columns."""
    page = markdown_page(HOSTILE, [block for block in blocks_about(HOSTILE) if not isinstance(block, Code)])
    assert not re.search(r"(?<!\\)<", page)
    assert "[a](javascript" not in page.replace("\\[a](javascript", "")
    assert markdown_page("x", [Code("<b>\n[a](b)")]).endswith("\n\n    <b>\n    [a](b)\n"), "code shows what it holds"
    row = markdown_table(Table((), ("n",), (Row("a\\|b", (1,)),))).splitlines()[2]
    assert row == "| a\\\\\\|b | 1 |"


def test_plain_text_holds_nothing_that_a_terminal_obeys() -> None:
    """A hashtag cannot clear the screen."""
    blocks = [block for block in blocks_about(HOSTILE) if not isinstance(block, Code)]
    assert "\x1b" not in text_page(HOSTILE, blocks)


def test_one_table_is_written_three_ways() -> None:
    """The same names and numbers, thousands parted, gaps as a dash."""
    assert markdown_table(PLACES).splitlines() == [
        "| where | host | posts |",
        "| --- | ---: | ---: |",
        "| a | x.example | 1,200 |",
        "| b | y.example | 300 |",
        "| c | – | – |",
    ]
    assert text_table(PLACES).splitlines() == [
        "  where  host       posts",
        "  a      x.example  1,200",
        "  b      y.example    300",
        "  c      –              –",
    ]
    assert "".join(f"<td>{cell}</td>" for cell in ("1,200",)) in html_table(PLACES)
    assert html_table(PLACES).count("<tr>") == 4


def test_bars_are_shares_of_the_longest() -> None:
    """A row without a number has none to see."""
    assert re.findall(r"width:(\d+)%", html_table(PLACES)) == ["100", "25", "0"]
    nothing = Table((), ("n",), (Row("a", (0,)),), bar="n")
    assert "width:0%" in html_table(nothing)


def test_words_are_set_left_and_numbers_right() -> None:
    """Also where only some cells of a column are words."""
    assert '<th class="words">host</th><th>posts</th>' in html_table(PLACES)
    words = Table((), ("licence",), (Row("a", ("MIT",)),))
    assert markdown_table(words).splitlines()[1] == "| --- | --- |"


def test_a_decimal_is_shown_as_exact_as_it_is() -> None:
    """Seconds need no thousandths."""
    assert "1,234.5" in text_table(Table((), ("s",), (Row("a", (Decimal("1234.5"),)),)))


@pytest.mark.parametrize("write", [markdown_page, text_page])
def test_pictures_are_in_the_page_alone(write: object) -> None:
    """Text has no gap where they stand."""
    assert callable(write)
    assert write("t", [Paragraph("a"), Picture(b"png", "p"), Paragraph("b")]).endswith("a\n\nb\n")


def test_what_utf8_cannot_hold_does_not_stop_a_page(tmp_path: Path) -> None:
    """A lone surrogate came out of a caption's JSON."""
    write_page(tmp_path / "page.html", "t", [Paragraph("a\ud800b")])
    assert "a?b" in (tmp_path / "page.html").read_text(encoding="utf-8")
