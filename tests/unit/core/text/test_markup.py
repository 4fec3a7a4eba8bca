"""HTML as APIs send it, and entities in captions, to what a reader sees."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.text.caption import caption_words
from core.text.hashtags import extract
from core.text.markup import decode_entities, html_text


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


@pytest.mark.parametrize(
    ("caption", "words"),
    [
        ("sun&nbsp;and&nbsp;sea", ("sun", "and", "sea")),
        ("salt &amp; pepper", ("salt", "pepper")),
        ("it&rsquo;s summer, don&#39;t you&#x2019;re", ("its", "summer", "dont", "youre")),
        ("caf&eacute; &lt;b&gt;au&lt;/b&gt; lait", ("café", "au", "lait")),
        ("&hearts; &quot;love&quot;&hellip;", ("love",)),
    ],
)
def test_entities_are_no_words_of_a_caption(caption: str, words: tuple[str, ...]) -> None:
    """Nor do they glue words together; an apostrophe is one however it is written."""
    assert tuple(word for word in caption_words(caption) if word.isalpha()) == words


@pytest.mark.parametrize(
    ("caption", "hashtags"),
    [
        ("#sun&nbsp;#sea&amp;sand", ("sun", "sea")),
        ("#caf&eacute; #a&ntilde;o", ("café", "año")),
        ("it&#39;s &#x27;fine&#x27; &#8217;tis", ()),
        ("&nbsp;#dog&rsquo;s day", ("dog",)),
        ("rock&roll #rock&roll", ("rock",)),
    ],
)
def test_hashtags_end_where_a_reader_sees_them_end(caption: str, hashtags: tuple[str, ...]) -> None:
    """An entity beside a hashtag is the character that it stands for."""
    assert extract(caption) == hashtags
    assert not {"nbsp", "amp", "rsquo", "eacute"} & set(caption_words(caption))


@given(st.text())
def test_what_has_no_entity_stays_as_it_is(text: str) -> None:
    """An ampersand alone is an ampersand."""
    assert decode_entities(text.replace(";", "")) == text.replace(";", "")
