"""Finds pictures that do not show what they are said to show, tells of them, and takes them out when told to."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.atomic import storage_errors, write_atomic
from core.errors import DataError
from pipelines.corpus.quarantine_list import put_on_list, take_off_list
from pipelines.outliers.features import ReadFeatures
from pipelines.outliers.pictures import Candidate, Gathered, gather
from pipelines.outliers.quarantine import Quarantine
from pipelines.outliers.scores import Looked, Method, find_outliers
from pipelines.outliers.sheet import Shown, write_sheet
from pipelines.workshop.progress import ProgressPort

REPORT_FILE = "outliers.json"
SHEET_FILE = "outliers.html"
PICTURE_FILE = "outliers.png"


@dataclass(frozen=True, slots=True)
class Outlier:
    """A picture that would go.

    Attributes:
        candidate: the picture.
        strength: at least 1; how clear it is.
        believed: the topic that it resembles most, None where the method does not tell or it is the picture's own.
        readable: whether the file is a picture at all.
    """

    candidate: Candidate
    strength: float
    believed: str | None
    readable: bool

    @property
    def note(self) -> str:
        """Why it would go, in a few words."""
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
        looked_at: pictures of each topic.
        going: outliers of each topic.
    """

    gathered: Gathered
    method: Method
    outliers: tuple[Outlier, ...]
    looked_at: Mapping[str, int]
    going: Mapping[str, int]


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

    Files that are no readable picture are out of place too.

    Raises:
        DataError: there are too few pictures to tell.
    """
    gathered = gather(folder, lexicon)
    candidates = gathered.candidates
    task = progress.task("features of the pictures", len(candidates))
    seen = read([one.path for one in candidates], task.advance)
    rows = np.flatnonzero(seen.readable)
    labels = gathered.label_matrix()
    looked = Looked(seen.features[rows], seen.logits[rows], labels[rows], [candidates[row].source for row in rows])
    if (looked.labels.sum(axis=0) < 2).any():
        raise DataError(f"{folder}: too few pictures can be read to tell what is out of place")
    verdict = find_outliers(method, looked, seed)
    found = [Outlier(candidates[row], 2.0, None, False) for row in np.flatnonzero(~seen.readable).tolist()]
    for place in np.flatnonzero(verdict.outlier).tolist():
        one, topic = candidates[rows[place]], int(verdict.believed[place])
        believed = gathered.topics[topic] if topic >= 0 and gathered.topics[topic] not in one.topics else None
        found.append(Outlier(one, float(verdict.strength[place]), believed, True))
    found.sort(key=lambda one: (one.candidate.topics[0], -one.strength, one.candidate.key))
    return Found(
        gathered,
        method,
        tuple(found),
        dict(Counter(topic for one in candidates for topic in one.topics)),
        dict(Counter(topic for one in found for topic in one.candidate.topics)),
    )


def tell(found: Found, out: Path, progress: ProgressPort) -> Path:
    """Write the sheets and ``outliers.json`` into ``out`` and return the page.

    Raises:
        StorageError: the disk is full or the folder cannot be written.
    """
    with storage_errors(out):
        out.mkdir(parents=True, exist_ok=True)
    counts = [(topic, found.looked_at[topic], found.going.get(topic, 0)) for topic in found.gathered.topics]
    rows = [
        {
            "key": one.candidate.key,
            "topics": list(one.candidate.topics),
            "strength": round(one.strength, 4),
            "believed": one.believed,
            "readable": one.readable,
        }
        for one in found.outliers
    ]
    content = {
        "method": found.method,
        "pictures": {topic: n for topic, n, _ in counts},
        "outliers": {topic: n for topic, _, n in counts},
        "left_out": dict(found.gathered.left_out),
        "found": rows,
    }
    write_atomic(out / REPORT_FILE, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    shown = [Shown(one.candidate.path, one.candidate.key, one.candidate.topics[0], one.note) for one in found.outliers]
    title = f"{len(shown):,} of {len(found.gathered.candidates):,} pictures would go ({found.method})"
    task = progress.task("contact sheet", len(shown))
    write_sheet(out / SHEET_FILE, out / PICTURE_FILE, title, counts, shown, task.advance)
    return out / SHEET_FILE


def take_out(found: Found) -> Path:
    """Take the outliers out and return where that is noted: pictures move aside, posts go on a corpus' list.

    Raises:
        DataError: a picture is not there any more.
        StorageError: the place cannot be written.
    """
    keys = [one.candidate.key for one in found.outliers]
    folder = found.gathered.folder
    return put_on_list(folder / "posts", keys) if found.gathered.is_corpus else Quarantine(folder).apply(keys)


def take_back(folder: Path) -> int:
    """Undo the last time that something was taken out of ``folder`` and return how many pictures or posts are back.

    Raises:
        DataError: nothing was taken out, or a place is taken by another file.
        StorageError: the folder cannot be written.
    """
    return take_off_list(folder / "posts") if (folder / "posts").is_dir() else Quarantine(folder).undo()[0]
