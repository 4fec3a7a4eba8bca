"""The stage that keeps pictures of something else out of what topics are learnt from.

It looks at training pictures alone: a test set that a classifier has tidied up flatters every classifier.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

from core.atomic import link_or_copy
from pipelines.config.training import GrowConfig
from pipelines.outliers.find import look_for_outliers
from pipelines.outliers.pictures import ReadFeatures, from_bundle
from pipelines.outliers.scores import Method
from pipelines.workshop.progress import ProgressPort
from pipelines.workshop.stage import StageContext

VERSION = 1
TOPICS = "topics"
SUMMARY = "summary.json"


def run(context: StageContext[GrowConfig]) -> None:
    """Write ``topics`` of the result of ``arrange`` anew, without the outliers among its training pictures.

    Features are those of the backbone in ``bundle``.

    Raises:
        DataError: there are too few pictures of a topic to tell what is out of place.
        BundleCorrupt: the bundle's network cannot be read.
    """
    read = from_bundle(context.inputs["bundle"], context.cache)
    topics, method = context.inputs["arrange"] / TOPICS, context.config.outliers
    n_outliers = copy_without_outliers(topics, context.out, read, method, context.seed, context.progress)
    context.progress.note(f"{n_outliers:,} training pictures do not look like their topic")


def copy_without_outliers(
    topics: Path, out: Path, read: ReadFeatures, method: Method, seed: int, progress: ProgressPort
) -> int:
    """Copy ``topics`` below ``out`` without outliers and unreadable files, and return how many outliers there were.

    Args:
        topics: labelled pictures with a ``labels.csv``.
        out: an empty folder.
        read: gives the features of picture files.
        method: how outliers are told.
        seed: of what the method leaves to chance.
        progress: told of every picture.
    """
    found = look_for_outliers(topics, method, read, progress=progress, seed=seed).outliers
    outliers = {outlier.picture.key for outlier in found if outlier.readable}
    unreadable = {outlier.picture.key for outlier in found if not outlier.readable}
    counts = _copy_without(topics, out / TOPICS, outliers | unreadable)
    summary = {"method": method, "outliers": sorted(outliers), "unreadable": sorted(unreadable), "left_out": counts}
    (out / SUMMARY).write_text(json.dumps(summary, indent=1), encoding="utf-8")
    return len(outliers)


def _copy_without(topics: Path, out: Path, left_out: set[str]) -> dict[str, int]:
    """Copy labels and link pictures, except those in ``left_out``; return topic -> pictures left out."""
    counts: Counter[str] = Counter()
    (out / "pictures").mkdir(parents=True)
    with (topics / "labels.csv").open(newline="", encoding="utf-8") as table:
        rows = list(csv.DictReader(table))
    with (out / "labels.csv").open("w", newline="", encoding="utf-8") as table:
        writer = csv.DictWriter(table, fieldnames=list(rows[0]))
        writer.writeheader()
        for row in rows:
            if row["path"] in left_out:
                counts[row["topics"]] += 1
                continue
            writer.writerow(row)
            link_or_copy(topics / row["path"], out / row["path"])
    return dict(counts)
