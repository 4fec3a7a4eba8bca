"""A file of trends says what was counted, and nothing else is taken for one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import BundleCorrupt, BundleError, BundleMismatch, BundleMissing, StorageError
from core.trend_snapshot import SearchedHashtags, TrendSnapshot, parse_snapshot, read_snapshot, write_snapshot
from tests.support.dated_posts import snapshot_of

USES = {"dog": {0: 3, 5: 2}, "cat": {1: 2}}


def plain(snapshot: TrendSnapshot) -> dict[str, Any]:
    """Return a snapshot's JSON as objects."""
    content: dict[str, Any] = json.loads(snapshot.to_json())
    return content


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """Byte for byte, searched hashtags included."""
    made = snapshot_of(USES, topics=("pets",))
    searched = (SearchedHashtags("mastodon", "pets", "2026-11-20T10:00:00+00:00", (("dog", 12), ("cat", None))),)
    whole = replace(made, searched=searched)
    write_snapshot(whole, tmp_path / "trends.json")
    read = read_snapshot(tmp_path / "trends.json")
    assert read.to_json() == whole.to_json()
    assert read.searched == searched
    assert read.name == whole.name
    assert read.name.startswith("trends-2026-11-22-")


def test_other_counts_have_another_name() -> None:
    """An answer's snapshot can be found again."""
    assert snapshot_of(USES).name != snapshot_of({"dog": {0: 4}}).name


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("posts", [1, 3, 2]),
        ("posts", [2, 3]),
        ("posts", [2, 3, 2.5]),
        ("posts", "232"),
        ("hashtag", [0, 1, 2]),
        ("hashtag", [-1, 1, 1]),
        ("day", [0, 1, 150]),
        ("hashtag", [10**30, 1, 1]),
        ("posts_by_day", [1] * 150),
        ("posts_by_day", [5] * 149),
        ("topic", 7),
    ],
)
def test_counts_that_contradict_each_other_are_refused(field: str, value: Any) -> None:
    """A cell below 2 above all."""
    content = plain(snapshot_of(USES))
    content["whole"][field] = value
    with pytest.raises(BundleCorrupt, match="tagsmith trends refresh"):
        parse_snapshot(json.dumps(content).encode(), "here")


def test_a_cell_stands_once() -> None:
    """Twice the same hashtag and day would count twice."""
    content = plain(snapshot_of(USES))
    for name in ("hashtag", "day", "posts"):
        content["whole"][name] *= 2
    with pytest.raises(BundleCorrupt, match="twice"):
        parse_snapshot(json.dumps(content).encode(), "here")


def test_another_format_version_says_what_to_do() -> None:
    """Old files after an update, new ones before it."""
    content = plain(snapshot_of(USES)) | {"format_version": 2}
    with pytest.raises(BundleMismatch, match="format 2"):
        parse_snapshot(json.dumps(content).encode(), "here")


@settings(max_examples=80, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    )
)
def test_anything_else_is_refused_and_nothing_breaks(value: Any) -> None:
    """Whatever JSON it is, alone or in place of each field."""
    with pytest.raises(BundleError):
        parse_snapshot(json.dumps(value).encode(), "here")
    for name in ("as_of", "n_days", "sources", "hashtags", "whole", "by_topic", "searched"):
        content = plain(snapshot_of(USES))
        same = content[name] == value
        content[name] = value
        try:
            read = parse_snapshot(json.dumps(content).encode(), "here")
        except BundleError:
            assert not same
        else:
            assert isinstance(read, TrendSnapshot)


def test_a_missing_file_and_a_missing_folder_are_told(tmp_path: Path) -> None:
    """Each with what to do."""
    with pytest.raises(BundleMissing, match="tagsmith trends refresh"):
        read_snapshot(tmp_path / "trends.json")
    with pytest.raises(StorageError):
        write_snapshot(snapshot_of(USES), tmp_path / "nowhere" / "trends.json")
