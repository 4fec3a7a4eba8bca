"""Labelled pictures: read from a folder of folders or a ``labels.csv`` that says more, and dealt by their sources."""

from __future__ import annotations

import csv
import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import DataError
from core.quarantine import quarantined

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".avif", ".bmp"})
SPLITS = ("train", "val", "test")
LABELS_FILE = "labels.csv"
FEWEST_PER_TOPIC = 4
_TOPIC = re.compile(r"\w[\w -]*")  # it becomes part of a file name in the bundle


@dataclass(frozen=True, slots=True)
class LabelledPicture:
    """One photograph and what it shows.

    Attributes:
        path: the file.
        topics: one or more topic names.
        source: whose photograph it is; pictures of one source resemble each other.
        split: train, val, test, or a name that only evaluation uses (``ood``).
    """

    path: Path
    topics: tuple[str, ...]
    source: str
    split: str


@dataclass(frozen=True, slots=True)
class TopicFolder:
    """All labelled pictures of a folder, in path order.

    Attributes:
        topics: the names of all topics, sorted: their order is that of every label matrix and of the network.
        pictures: every picture, sorted by path.
    """

    topics: tuple[str, ...]
    pictures: tuple[LabelledPicture, ...]

    def of_split(self, split: str) -> tuple[LabelledPicture, ...]:
        """Return the pictures of one split, in path order."""
        return tuple(picture for picture in self.pictures if picture.split == split)

    def label_matrix(self, pictures: Sequence[LabelledPicture]) -> NDArray[np.float32]:
        """Return (n_pictures, n_topics) float32, 1 where the picture has the topic."""
        labels = np.zeros((len(pictures), len(self.topics)), dtype=np.float32)
        for row, picture in enumerate(pictures):
            labels[row, [self.topics.index(topic) for topic in picture.topics]] = 1
        return labels


def read_topic_folder(folder: Path, seed: int = 0) -> TopicFolder:
    """Return the labelled pictures of ``folder``.

    Three layouts are read: ``labels.csv`` with the columns path, topics (``;`` between several) and optionally split
    and source; ``<split>/<topic>/<picture>``; ``<topic>/<picture>``. Without splits the sources are dealt to train,
    val and test about 70 : 15 : 15 in a seeded order; a picture's source is the column, else its own name up to the
    last underscore, so that a series stays on one side.

    Raises:
        DataError: there is no picture, fewer than two topics, a topic with too few training pictures, or a label
            names a file that is not there.
    """
    pictures = list_pictures(folder)
    if not all(picture.split for picture in pictures):
        pictures = _deal_splits(pictures, seed)
    topics = tuple(sorted({topic for picture in pictures for topic in picture.topics}))
    for topic in topics:
        if not _TOPIC.fullmatch(topic):
            raise DataError(f"{folder}: {topic!r} cannot name a topic; use letters, digits, spaces, - and _ alone.")
    result = TopicFolder(topics, tuple(sorted(pictures, key=lambda picture: picture.path)))
    _check(result, folder)
    return result


def list_pictures(folder: Path) -> list[LabelledPicture]:
    """Return the labelled pictures of ``folder`` that are not in quarantine; the split is "" where none is given.

    Raises:
        DataError: there is no picture, a label names a file that is not there, or the quarantine list is damaged.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder. Give a folder with one sub-folder of pictures per topic.")
    table = folder / LABELS_FILE
    pictures = _read_table(folder, table) if table.is_file() else _walk(folder)
    if not pictures:
        raise DataError(f"{folder} holds no pictures. Expected <topic>/<picture>.jpg or a labels.csv.")
    left_out = quarantined(folder)
    pictures = [picture for picture in pictures if picture_key(folder, picture.path) not in left_out]
    if not pictures:
        raise DataError(f"Every picture of {folder} is in quarantine. Let some in again with tagsmith outliers --undo.")
    return pictures


def picture_key(folder: Path, picture: Path) -> str:
    """Return what a picture of ``folder`` is called in its quarantine: the path below the folder."""
    return picture.relative_to(folder).as_posix()


def _read_table(folder: Path, table: Path) -> list[LabelledPicture]:
    with table.open(newline="", encoding="utf-8") as handle:
        reader = csv.DictReader(handle)
        if not {"path", "topics"} <= set(reader.fieldnames or ()):
            raise DataError(f"{table} needs at least the columns path and topics.")
        rows = list(reader)
    pictures = []
    for line, row in enumerate(rows, start=2):
        topics = tuple(name.strip() for name in (row["topics"] or "").split(";") if name.strip())
        path = folder / (row["path"] or "")
        if not topics or not path.is_file():
            raise DataError(f"{table}, line {line}: no topic, or no picture at {row['path']!r}. Correct the line.")
        source = row.get("source") or _source_from_name(path)
        pictures.append(LabelledPicture(path, topics, source, row.get("split") or ""))
    return pictures


def _walk(folder: Path) -> list[LabelledPicture]:
    names = {path.name for path in folder.iterdir() if path.is_dir()}
    has_splits = "train" in names and names <= {*SPLITS, "ood"}
    pictures = []
    for path in sorted(folder.glob("*/*/*" if has_splits else "*/*")):
        if path.suffix.lower() in PICTURE_SUFFIXES and path.is_file():
            split = path.parent.parent.name if has_splits else ""
            pictures.append(LabelledPicture(path, (path.parent.name,), _source_from_name(path), split))
    return pictures


def _source_from_name(path: Path) -> str:
    return path.stem.rpartition("_")[0] or path.stem


def _deal_splits(pictures: Iterable[LabelledPicture], seed: int) -> list[LabelledPicture]:
    """Deal whole sources to the split that lacks most; topics with one or two sources are dealt picture by picture."""
    of_topic: dict[tuple[str, ...], dict[str, list[LabelledPicture]]] = defaultdict(lambda: defaultdict(list))
    for picture in pictures:
        of_topic[picture.topics][picture.source].append(picture)
    dealt = []
    for sources in of_topic.values():
        groups = list(sources.values())
        if len(groups) < len(SPLITS):
            groups = [[picture] for group in groups for picture in group]
        groups.sort(key=lambda group: _shuffled(f"{seed}/{group[0].source}/{group[0].path.name}"))
        n_pictures = sum(map(len, groups))
        room = {"train": 0.70 * n_pictures, "val": 0.15 * n_pictures, "test": 0.15 * n_pictures}
        for group in groups:
            split = max(room, key=lambda name: room[name])
            room[split] -= len(group)
            dealt += [replace(picture, split=split) for picture in group]
    return dealt


def _shuffled(name: str) -> bytes:
    """Return a sort key that orders names at random, the same each time."""
    return hashlib.sha256(name.encode()).digest()


def _check(found: TopicFolder, folder: Path) -> None:
    if len(found.topics) < 2:
        raise DataError(f"{folder} holds the one topic {found.topics[0]!r}; a classifier needs at least two.")
    for split, fewest in (("train", FEWEST_PER_TOPIC), ("val", 1)):
        counts = found.label_matrix(found.of_split(split)).sum(axis=0)
        poor = [topic for topic, count in zip(found.topics, counts, strict=True) if count < fewest]
        if poor:
            raise DataError(f"Too few {split} pictures (at least {fewest} a topic) of: {', '.join(poor)}. Add some.")


def group_by_source(pictures: Sequence[LabelledPicture], n_groups: int) -> NDArray[np.int64]:
    """Return (n,) group numbers 0 to ``n_groups`` - 1; a source is never divided and groups are about equally large."""
    counts: dict[str, int] = {}
    for picture in pictures:
        counts[picture.source] = counts.get(picture.source, 0) + 1
    sizes = [0] * n_groups
    group_of: dict[str, int] = {}
    for source in sorted(counts, key=lambda name: (-counts[name], name)):
        smallest = sizes.index(min(sizes))
        group_of[source] = smallest
        sizes[smallest] += counts[source]
    return np.array([group_of[picture.source] for picture in pictures], dtype=np.int64)


def source_weights(pictures: Sequence[LabelledPicture], balance: float) -> NDArray[np.float32]:
    """Return (n,) weights of mean 1: a picture counts as the size of its source to the power ``-balance``."""
    counts: dict[str, int] = {}
    for picture in pictures:
        counts[picture.source] = counts.get(picture.source, 0) + 1
    weights = np.array([counts[picture.source] ** -balance for picture in pictures])
    return np.asarray(weights / weights.mean(), dtype=np.float32)


def learnable_elsewhere(labels: NDArray[np.float32], groups: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return (n,) whether all topics of a picture are shown in other groups too.

    Leaving out the only photographer of a topic tests nothing: the topic itself is then unknown.

    Args:
        labels: (n, n_topics) 0 and 1.
        groups: (n,) group of each picture.
    """
    is_learnable = np.zeros(len(labels), dtype=bool)
    for group in np.unique(groups):
        held = groups == group
        shown = (labels[~held] > 0).any(axis=0)
        is_learnable[held] = ~((labels[held] > 0) & ~shown).any(axis=1)
    return is_learnable
