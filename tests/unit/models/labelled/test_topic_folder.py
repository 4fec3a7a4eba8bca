"""Folders of labelled pictures, tidy and not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.errors import DataError
from models.labelled.topic_folder import read_topic_folder


def put(root: Path, *names: str) -> None:
    """Write files that are there but hold nothing."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"not read here")


def styles(root: Path, per_style: int = 20) -> None:
    """Write three topics of five sources each."""
    for style in ("byzantine", "classic", "gothic"):
        put(root, *(f"{style}/{style}-{i % 5}_{i:03}.jpg" for i in range(per_style)))


def test_a_folder_of_folders_is_split_by_source(tmp_path: Path) -> None:
    """Without splits, series of one photographer stay together and every topic trains and validates."""
    styles(tmp_path)
    folder = read_topic_folder(tmp_path, seed=3)
    assert folder.topics == ("byzantine", "classic", "gothic")
    sides: dict[str, set[str]] = {}
    for picture in folder.pictures:
        sides.setdefault(picture.source, set()).add(picture.split)
    assert all(len(splits) == 1 for splits in sides.values())
    assert folder.label_matrix(folder.of_split("train")).sum(axis=0).min() >= 8
    assert folder.label_matrix(folder.of_split("val")).sum(axis=0).min() >= 1


def test_the_split_follows_the_seed_alone(tmp_path: Path) -> None:
    """The same seed deals the same pictures; another seed deals others."""
    styles(tmp_path)
    assert read_topic_folder(tmp_path, seed=1) == read_topic_folder(tmp_path, seed=1)
    assert read_topic_folder(tmp_path, seed=1) != read_topic_folder(tmp_path, seed=2)


def test_folders_named_after_splits_are_splits(tmp_path: Path) -> None:
    """train/topic/picture is read as it says."""
    for split, n in (("train", 4), ("val", 1), ("ood", 2)):
        put(tmp_path, *(f"{split}/{topic}/a_{i}.png" for topic in ("cats", "dogs") for i in range(n)))
    folder = read_topic_folder(tmp_path)
    assert {split: len(folder.of_split(split)) for split in ("train", "val", "test", "ood")} == {
        "train": 8,
        "val": 2,
        "test": 0,
        "ood": 4,
    }


def test_a_table_may_give_several_topics(tmp_path: Path) -> None:
    """Labels divided by semicolons become ones in the label matrix."""
    rows = ["path,split,topics,source"]
    for split, n in (("train", 4), ("val", 1)):
        put(tmp_path, *(f"{split}{i}.jpg" for i in range(n)))
        rows += [f"{split}{i}.jpg,{split},travel;architecture,someone" for i in range(n)]
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    folder = read_topic_folder(tmp_path)
    assert folder.topics == ("architecture", "travel")
    assert np.array_equal(folder.label_matrix(folder.of_split("val")), [[1, 1]])


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("path,topics\nmissing.jpg,pets\n", "line 2"),
        ("path,topics\na.jpg,\n", "line 2"),
        ("file,label\na.jpg,pets\n", "columns path and topics"),
        ("path,topics\n", "no pictures"),
        ("path,topics\na.jpg,pets\n", "at least two"),
    ],
)
def test_a_table_that_cannot_be_used_says_where(tmp_path: Path, table: str, says: str) -> None:
    """The message names the line or what is missing."""
    put(tmp_path, "a.jpg")
    (tmp_path / "labels.csv").write_text(table)
    with pytest.raises(DataError, match=says):
        read_topic_folder(tmp_path)


def test_too_few_pictures_of_a_topic_are_named(tmp_path: Path) -> None:
    """A topic that cannot be learnt stops the run before it costs time."""
    put(tmp_path, *(f"train/{t}/x_{i}.jpg" for t, n in (("cats", 9), ("dogs", 2)) for i in range(n)))
    with pytest.raises(DataError, match="train pictures.*dogs"):
        read_topic_folder(tmp_path)


def test_a_missing_folder_says_so(tmp_path: Path) -> None:
    """A wrong path is an error that names it."""
    with pytest.raises(DataError, match="is not a folder"):
        read_topic_folder(tmp_path / "nowhere")


def test_a_topic_that_could_leave_its_folder_is_refused(tmp_path: Path) -> None:
    """A table may say anything; what it says becomes part of a file name."""
    put(tmp_path, *(f"p/{i}.jpg" for i in range(12)))
    rows = [f"p/{i}.jpg,{'../../up' if i % 2 else 'gothic'}" for i in range(12)]
    (tmp_path / "labels.csv").write_text("\n".join(["path,topics", *rows]), encoding="utf-8")
    with pytest.raises(DataError, match="cannot name a topic"):
        read_topic_folder(tmp_path, seed=3)
