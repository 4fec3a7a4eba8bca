"""The operator's file of flags."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from core.errors import DataError
from core.text.flags import Flag, load_flags

GOOD = """
[[flags]]
hashtag = "#ADulting"
status = "restricted"
source = "https://example.org/list"
as_of = 2026-11-01
"""


def _file(folder: Path, text: str) -> Path:
    path = folder / "flags.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_without_a_file_nothing_is_flagged() -> None:
    """No claim without a source."""
    assert load_flags(None) == {}


def test_a_flag_has_its_source_and_day(tmp_path: Path) -> None:
    """The hashtag is brought to its normal form."""
    flags = load_flags(_file(tmp_path, GOOD))
    assert flags == {"adulting": Flag("adulting", "restricted", "https://example.org/list", date(2026, 11, 1))}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (GOOD.replace("as_of = 2026-11-01", ""), "flag 1"),
        (GOOD.replace("2026-11-01", '"yesterday"'), "as_of"),
        (GOOD.replace('source = "https://example.org/list"', 'source = " "'), "must be text"),
        (GOOD.replace("#ADulting", "123"), "no letter"),
        (GOOD + GOOD, "already"),
        (GOOD + "more = 1", "flag 1"),
        ("other = 1", "nothing else"),
        ("flags = 1", "nothing else"),
        ("[[", "not TOML"),
    ],
)
def test_what_is_no_dated_flag_is_refused(tmp_path: Path, text: str, told: str) -> None:
    """With the place and what is expected."""
    with pytest.raises(DataError, match=told):
        load_flags(_file(tmp_path, text))


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    """By its name."""
    with pytest.raises(DataError, match="cannot be read"):
        load_flags(tmp_path / "none.toml")
