"""Finds pictures that do not show what they are said to show, reports them, and puts them in quarantine if told to."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.atomic import storage_errors, write_atomic
from core.errors import DataError
from core.quarantine import put_in_quarantine, take_out_of_quarantine
from pipelines.outliers.pictures import Gathered, GatheredPicture, ReadFeatures, gather, quarantine_folder
from pipelines.outliers.scores import LabelledFeatures, Method, find_outliers
from pipelines.outliers.sheet import SheetPicture, write_sheet
from pipelines.workshop.progress import ProgressPort

REPORT_FILE = "outliers.json"
SHEET_FILE = "outliers.html"
PICTURE_FILE = "outliers.png"


@dataclass(frozen=True, slots=True)
class Outlier:
    """A picture that is out of place.

    Attributes:
        picture: which one.
        strength: at least 1; how clear it is.
        believed: the topic that it resembles most, None where the method does not tell or it is the picture's own.
        readable: whether the file is a picture at all.
    """

    picture: GatheredPicture
    strength: float
    believed: str | None
    readable: bool

    @property
    def note(self) -> str:
        """Why it is out of place, in a few words."""
        if not self.readable:
            return "cannot be read"
        return f"rather {self.believed}" if self.believed else f"strength {self.strength:.2f}"


@dataclass(frozen=True, slots=True)
class Found:
    """What a look at a folder gave.

    Attributes:
        gathered: what was looked at.
        method: how.
        outliers: strongest first within each topic.
        n_pictures: topic -> pictures that were looked at.
        n_outliers: topic -> outliers; a topic without any is left out.
    """

    gathered: Gathered
    method: Method
    outliers: tuple[Outlier, ...]
    n_pictures: Mapping[str, int]
    n_outliers: Mapping[str, int]


def look_for_outliers(
    folder: Path,
    method: Method,
    read: ReadFeatures,
    *,
    progress: ProgressPort,
    lexicon: Path | None = None,
    seed: int = 0,
) -> Found:
    """Return the pictures of a labelled folder or a corpus that are out of place; nothing is changed.

    Files that are not readable pictures are out of place too.

    Raises:
        DataError: there are too few pictures to tell.
    """
    gathered = gather(folder, lexicon)
    pictures = gathered.pictures
    task = progress.task("features of the pictures", len(pictures))
    seen = read([picture.path for picture in pictures], task.advance)
    rows = np.flatnonzero(seen.readable)
    labels = gathered.label_matrix()[rows]
    if (labels.sum(axis=0) < 2).any():
        raise DataError(f"{folder}: too few pictures can be read to tell what is out of place")
    sources = [pictures[row].source for row in rows]
    verdict = find_outliers(method, LabelledFeatures(seen.features[rows], seen.logits[rows], labels, sources), seed)
    found = [Outlier(pictures[row], 2.0, None, False) for row in np.flatnonzero(~seen.readable).tolist()]
    for at in np.flatnonzero(verdict.outlier).tolist():
        picture, topic = pictures[rows[at]], int(verdict.believed[at])
        believed = gathered.topics[topic] if topic >= 0 and gathered.topics[topic] not in picture.topics else None
        found.append(Outlier(picture, float(verdict.strength[at]), believed, True))
    found.sort(key=lambda outlier: (outlier.picture.topics[0], -outlier.strength, outlier.picture.key))
    return Found(
        gathered,
        method,
        tuple(found),
        dict(Counter(topic for picture in pictures for topic in picture.topics)),
        dict(Counter(topic for outlier in found for topic in outlier.picture.topics)),
    )


def write_report(found: Found, out: Path, progress: ProgressPort) -> Path:
    """Write the sheets and ``outliers.json`` into ``out`` and return the page.

    Raises:
        StorageError: the disk is full or the folder cannot be written.
    """
    with storage_errors(out):
        out.mkdir(parents=True, exist_ok=True)
    counts = [(topic, found.n_pictures[topic], found.n_outliers.get(topic, 0)) for topic in found.gathered.topics]
    rows = [
        {
            "key": outlier.picture.key,
            "topics": list(outlier.picture.topics),
            "strength": round(outlier.strength, 4),
            "believed": outlier.believed,
            "readable": outlier.readable,
        }
        for outlier in found.outliers
    ]
    content = {
        "method": found.method,
        "pictures": {topic: n for topic, n, _ in counts},
        "outliers": {topic: n for topic, _, n in counts},
        "left_out": dict(found.gathered.left_out),
        "found": rows,
    }
    write_atomic(out / REPORT_FILE, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    pictures = [
        SheetPicture(outlier.picture.path, outlier.picture.key, outlier.picture.topics[0], outlier.note)
        for outlier in found.outliers
    ]
    title = f"{len(pictures):,} of {len(found.gathered.pictures):,} pictures would go ({found.method})"
    task = progress.task("contact sheet", len(pictures))
    write_sheet(out / SHEET_FILE, out / PICTURE_FILE, title, counts, pictures, task.advance)
    return out / SHEET_FILE


def take_out(found: Found) -> Path:
    """Put the outliers in quarantine and return the list that names them.

    Raises:
        DataError: the list is damaged.
        StorageError: it cannot be written.
    """
    return put_in_quarantine(found.gathered.listed_in, [outlier.picture.key for outlier in found.outliers])


def take_back(folder: Path) -> int:
    """Undo the last :func:`take_out` from ``folder`` and return how many pictures or posts are let in again.

    Raises:
        DataError: nothing is in quarantine, or the list is damaged.
        StorageError: the list cannot be written.
    """
    return take_out_of_quarantine(quarantine_folder(folder))
