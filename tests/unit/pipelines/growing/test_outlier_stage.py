"""Pictures of something else are kept out of what topics are learnt from."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from models.labelled.picture_features import PictureFeatures
from pipelines.growing.outlier_stage import SUMMARY, copy_without_outliers
from pipelines.workshop.progress import SilentProgress

PLANTED = {"pictures/pets-3.jpg", "pictures/food-5.jpg"}


def labelled(folder: Path) -> Path:
    """Write forty pictures of two topics, with a few to choose and to test by."""
    (folder / "pictures").mkdir(parents=True)
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as table:
        writer = csv.writer(table)
        writer.writerow(("path", "topics", "split", "source"))
        for topic in ("pets", "food"):
            for number in range(20):
                (folder / "pictures" / f"{topic}-{number}.jpg").write_bytes(b"x")
                split = "val" if number >= 18 else "test" if number >= 16 else "train"
                writer.writerow((f"pictures/{topic}-{number}.jpg", topic, split, f"{topic}{number % 5}"))
    return folder


def looks(paths: list[Path], advance: Callable[[float], object]) -> PictureFeatures:
    """Pets lie on one axis and food on another; the planted ones lie on the other's."""
    rng = np.random.default_rng(3)
    features = np.abs(rng.normal(0, 0.05, (len(paths), 16))).astype(np.float32)
    for row, path in enumerate(paths):
        is_pet = path.name.startswith("pets") != (f"pictures/{path.name}" in PLANTED)
        features[row, 0 if is_pet else 1] += 1
    readable = np.array([path.name != "food-0.jpg" for path in paths])
    return PictureFeatures(readable, features, np.zeros((len(paths), 1000), np.float32))


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "labels.csv").open(newline="", encoding="utf-8") as table:
        return list(csv.DictReader(table))


def test_planted_and_unreadable_training_pictures_are_left_out(tmp_path: Path) -> None:
    """Labels and files agree, and the summary names what went."""
    topics = labelled(tmp_path / "topics")
    copy_without_outliers(topics, tmp_path / "out", looks, "confidence", 0, SilentProgress())
    kept = {row["path"] for row in rows(tmp_path / "out" / "topics")}
    assert not kept & (PLANTED | {"pictures/food-0.jpg"})
    assert all((tmp_path / "out" / "topics" / path).is_file() for path in kept)
    summary = json.loads((tmp_path / "out" / SUMMARY).read_text(encoding="utf-8"))
    assert set(summary["outliers"]) >= PLANTED
    assert summary["unreadable"] == ["pictures/food-0.jpg"]


@pytest.mark.parametrize("method", ["confidence", "centroid", "kmeans"])
def test_what_chooses_and_tests_is_left_as_it_comes(method: str, tmp_path: Path) -> None:
    """A test set that was tidied up flatters whoever is tested."""
    topics = labelled(tmp_path / "topics")
    copy_without_outliers(topics, tmp_path / "out", looks, method, 0, SilentProgress())  # type: ignore[arg-type]
    before = [row for row in rows(topics) if row["split"] != "train"]
    assert [row for row in rows(tmp_path / "out" / "topics") if row["split"] != "train"] == before
