"""HTML as APIs send it, to what a reader sees."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.html_text import html_text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>one</p><p>two</p>", "one\n\ntwo"),
        ("one<br>two<br/>three", "one\ntwo\nthree"),
        ('<a class="mention hashtag">#<span>Dog</span></a> &amp; cat', "#Dog & cat"),
        ('a <span style="display: none">secret</span>b', "a b"),
        ("<style>p{}</style><script>x()</script>words", "words"),
        ("<p>not closed <b>bold", "not closed bold"),
        ("<ul><li>one<li>two</ul>", "one\ntwo"),
        ("5 &lt; 6 &#x1F600;", "5 < 6 😀"),
        ("a\nb", "a b"),
        ("", ""),
    ],
)
def test_a_snippet_reads_as_a_browser_shows_it(html: str, text: str) -> None:
    """Tags vanish, entities become signs, paragraphs and breaks become lines."""
    assert html_text(html) == text


def test_an_image_inside_what_is_hidden_does_not_hide_the_rest() -> None:
    """Tags that have no end never wait for one."""
    assert html_text('<span style="display:none"><img src="x"><br></span>shown') == "shown"


@given(st.text())
def test_any_text_is_read_without_an_error(html: str) -> None:
    """Whatever a platform sends, something comes back, without spaces around it."""
    text = html_text(html)
    assert text == text.strip()


@given(st.text(alphabet=st.characters(exclude_characters="<>&\r\x00", exclude_categories=["Cs"])))
def test_plain_words_stay(text: str) -> None:
    """What has no markup keeps its words in their order."""
    assert html_text(text).split() == text.replace("\x0b", " ").split()
