"""The stage that keeps pictures of something else out of what topics are learnt from.

It looks at training pictures alone: a test set that a classifier has tidied up flatters every classifier.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from models.labelled.picture_features import PictureFeatures, open_bundle_extractor, read_features
from pipelines.config.grow_config import GrowConfig
from pipelines.growing.arrange import place_picture
from pipelines.outliers.pictures import gather
from pipelines.outliers.scores import Looked, Method, find_outliers
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
    extractor = open_bundle_extractor(context.inputs["bundle"])
    task = context.progress.task("looking at training pictures")

    def look(paths: Sequence[Path]) -> PictureFeatures:
        return read_features(paths, extractor, context.cache, 1, task.advance)

    found = take_out(context.inputs["arrange"] / TOPICS, context.out, look, context.config.outliers, context.seed)
    context.progress.note(f"{found:,} training pictures do not look like their topic")


def take_out(
    topics: Path, out: Path, look: Callable[[Sequence[Path]], PictureFeatures], method: Method, seed: int
) -> int:
    """Write ``topics`` below ``out`` without outliers and what cannot be read, and return how many outliers there were.

    Args:
        topics: labelled pictures with a ``labels.csv``.
        out: an empty folder.
        look: gives the features of picture files.
        method: how outliers are told.
        seed: of what the method leaves to chance.
    """
    gathered = gather(topics)
    seen = look([one.path for one in gathered.candidates])
    readable = np.flatnonzero(seen.readable)
    looked = Looked(
        seen.features[readable],
        seen.logits[readable],
        gathered.label_matrix()[readable],
        [gathered.candidates[row].source for row in readable],
    )
    verdict = find_outliers(method, looked, seed)
    outliers = {gathered.candidates[row].key for row in readable[verdict.outlier]}
    broken = {one.key for one, is_readable in zip(gathered.candidates, seen.readable, strict=True) if not is_readable}
    counts = _copy_without(topics, out / TOPICS, outliers | broken)
    summary = {"method": method, "outliers": sorted(outliers), "unreadable": sorted(broken), "left_out": counts}
    (out / SUMMARY).write_text(json.dumps(summary, indent=1), encoding="utf-8")
    return len(outliers)


def _copy_without(topics: Path, out: Path, left_out: set[str]) -> dict[str, int]:
    """Write labels and pictures but those named, and return topic -> pictures left out."""
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
            place_picture(topics / row["path"], out / row["path"])
    return dict(counts)
