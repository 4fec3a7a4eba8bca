"""A record and its line."""

from __future__ import annotations

import json

import pytest

from core.posts import parse_line, post_line


@pytest.mark.parametrize(
    "record", [{}, {"id": "x", "caption": "Käse 🧀\n#food", "hashtags": ["food"]}, {"id": 5, "nested": {"a": [None]}}]
)
def test_a_line_gives_its_record_back(record: dict[str, object]) -> None:
    """One line, whatever the texts hold."""
    line = post_line(record)
    assert line.count(b"\n") == 1
    assert parse_line(line) == record
    assert parse_line(b"\xef\xbb\xbf" + line) == record


def test_half_a_surrogate_pair_becomes_a_question_mark() -> None:
    """JSON can hold what UTF-8 cannot, and some tools write it as bytes."""
    for line in (b'{"id": "sun \\ud83d"}', '{"id": "sun \ud83d"}'.encode("utf-8", "surrogatepass")):
        assert json.loads(post_line(parse_line(line))) == {"id": "sun ?"}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"{not json", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b"[1]", "not a JSON object"),
        ('{"id": "café"}'.encode("latin-1"), "not UTF-8 but another encoding; save the file as UTF-8"),
        ('{"id": "x"}'.encode("utf-16"), "not UTF-8 but UTF-16; save the file as UTF-8"),
    ],
)
def test_a_line_without_a_record_is_told(line: bytes, why: str) -> None:
    """In words that show nothing of it."""
    with pytest.raises(ValueError, match=f"^{why}$"):
        parse_line(line)
