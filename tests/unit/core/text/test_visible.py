"""Hostile names on a terminal: shown, never obeyed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.text.visible import visible, visible_json, visible_lines

WILD = st.text(st.characters() | st.sampled_from("\x1b\x07\x9b\x00\u202e\u2066\u2028\ud800\n\r\t\U000e0041\\"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ascii [bold]", "plain ascii [bold]"),
        ("\x1b[2Jgone\x07", "\\x1b[2Jgone\\x07"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("two\nlines\r\t", "two\\nlines\\r\\t"),
        ("\x9b31m\x7f\u2028\ud800", "\\x9b31m\\x7f\\u2028\\ud800"),
        ("Grüße 日本 👩\u200d🍳 می\u200cخواهم", "Grüße 日本 👩\u200d🍳 می\u200cخواهم"),
        (7, "7"),
    ],
)
def test_what_steers_a_terminal_is_written_out(text: object, shown: str) -> None:
    """Everything else, letters and emoji of all languages, stays as it is."""
    assert visible(text) == shown


@given(WILD)
def test_nothing_that_is_shown_steers(text: str) -> None:
    """Lines are kept where they are asked for, and doing it twice changes nothing."""
    for shown in (visible(text), *visible_lines(text).split("\n")):
        assert not set(shown) & set("\x1b\x07\x9b\x00\u202e\u2066\u2028\ud800\n\r\t\U000e0041")
    assert visible(visible(text)) == visible(text)
    assert visible_lines(text).count("\n") == text.count("\n")


@given(st.dictionaries(WILD, WILD | st.lists(WILD)), st.sampled_from([None, 2]))
def test_json_says_the_same(value: object, indent: int | None) -> None:
    """To a program; a terminal sees nothing that steers."""
    shown = visible_json(json.dumps(value, ensure_ascii=False, indent=indent))
    assert json.loads(shown) == value
    assert not set(shown) & set("\x1b\x07\x9b\x00\u202e\u2066\u2028\ud800\r\t\U000e0041")
