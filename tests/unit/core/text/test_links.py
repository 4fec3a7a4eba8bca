"""Where links stand in a text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.text.links import EMAIL, link_spans


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see https://x.com/a?b=c#d now", ["https://x.com/a?b=c#d"]),
        ("HTTP://X.COM", ["HTTP://X.COM"]),
        ("www.dog.de!", ["www.dog.de!"]),
        ("x.com/foo and foo.co.uk", ["x.com/foo", "foo.co.uk"]),
        ("wait.what is tomorrow.so/then", ["tomorrow.so/then"]),
        ("a.b 3.5 e.g. ...", []),
        ("https://t.co/abc看看", ["https://t.co/abc"]),
        ("me@x.com", []),
        ("", []),
    ],
)
def test_links_of_a_text(text: str, expected: list[str]) -> None:
    """A scheme, ``www.``, a known ending or a path make a link; a full stop without a space does not."""
    assert [text[start:end] for start, end in link_spans(text)] == expected


def test_an_address_is_told_from_a_mention() -> None:
    """An e-mail address has a domain behind the ``@``, a mention does not."""
    assert EMAIL.findall("me.you+x@mail.example.org and @me or a@b") == ["me.you+x@mail.example.org"]


@given(st.text(st.sampled_from("a.-/:@wht ps#\ud800é"), max_size=200))
def test_link_spans_are_ordered(text: str) -> None:
    """Spans are not empty and do not overlap, whatever the text."""
    at = 0
    for start, end in link_spans(text):
        assert at <= start < end
        at = end
