"""The main job in small: from a data folder to a bundle, and from the bundle to answers, through commands alone."""

from __future__ import annotations

import csv
import gzip
import json
import shutil
import subprocess
import sys
from collections import Counter
from itertools import islice, product
from pathlib import Path

import pytest

from core.bundle.opening import current, list_bundles, open_bundle
from pipelines.training.run import STAGE_NAMES
from tests.support.quick_training import quick_training

pytestmark = [pytest.mark.train, pytest.mark.sample]
pytest.importorskip("torch")

POSTS = {"image_tagger_family": 800, "documentintent": 600}
PICTURES = {"train": 6, "val": 3, "test": 3}


def tagsmith(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    command = [sys.executable, "-m", "tagsmith", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def take_posts(source: Path, target: Path) -> None:
    """Copy the first posts of a few sources."""
    target.mkdir(parents=True)
    for name, n_posts in POSTS.items():
        with gzip.open(source / f"{name}.jsonl.gz", "rt") as lines, gzip.open(target / f"{name}.jsonl.gz", "wt") as out:
            out.writelines(islice(lines, n_posts))


def take_pictures(source: Path, target: Path) -> None:
    """Copy a few pictures of each topic and split, with their labels."""
    with (source / "labels.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    taken: Counter[tuple[str, str]] = Counter()
    kept = []
    for row in rows:
        group = (row["split"], row["topics"].split(";")[0])
        taken[group] += 1
        if taken[group] <= PICTURES.get(row["split"], 0):
            kept.append(row)
            (target / row["path"]).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / row["path"], target / row["path"])
    with (target / "labels.csv").open("w", newline="") as table:
        writer = csv.DictWriter(table, rows[0].keys())
        writer.writeheader()
        writer.writerows(kept)


@pytest.fixture(scope="module")
def data(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small part of a real data folder."""
    folder = tmp_path_factory.mktemp("whole") / "data"
    take_posts(data_dir / "posts", folder / "posts")
    take_pictures(data_dir / "topics", folder / "topics")
    shutil.copyfile(data_dir / "topic_lexicon.json", folder / "topic_lexicon.json")
    (folder.parent / "quick.toml").write_text(quick_training("small", word2vec_epochs=1, context_epochs=2))
    return folder


def train(data: Path, weights: Path, out: str = "store") -> tuple[subprocess.CompletedProcess[str], Path]:
    """Train into a store beside the data."""
    store = data.parent / out
    config = data.parent / "quick.toml"
    return tagsmith("train", "--data", data, "--weights", weights, "--out", store, "--config", config), store


@pytest.fixture(scope="module")
def store(data: Path, weights_dir: Path) -> Path:
    """A store with one small bundle."""
    done, store = train(data, weights_dir)
    assert done.returncode == 0, done.stderr
    return store


def test_training_publishes_a_whole_bundle_with_card_and_report(store: Path) -> None:
    """In one command."""
    assert tagsmith("bundle", "verify", "--bundle", store).returncode == 0
    bundle = open_bundle(current(store))
    assert {"card.md", "metrics.json"} <= set(bundle.names())
    assert bundle.manifest.bundle_id.startswith("small-")
    assert (store / "report.html").is_file()


def test_training_again_skips_every_stage(store: Path, data: Path, weights_dir: Path) -> None:
    """And leaves the bundle as it is."""
    done, _ = train(data, weights_dir)
    assert done.returncode == 0
    assert done.stderr.count("unchanged, skipped") == len(STAGE_NAMES)
    assert len(list_bundles(store)) == 1


def test_training_twice_from_the_same_data_gives_the_same_bundle(store: Path, data: Path, weights_dir: Path) -> None:
    """The same files by their hashes, figures included; only the manifest has another time."""
    done, second = train(data, weights_dir, out="second")
    assert done.returncode == 0, done.stderr
    first_files, second_files = (open_bundle(current(one)).manifest.files for one in (store, second))
    assert second_files == first_files


@pytest.mark.parametrize(("photo", "caption", "seed"), [one for one in product((True, False), repeat=3) if any(one)])
def test_every_combination_of_inputs_answers(
    store: Path, photographs: Path, photo: bool, caption: bool, seed: bool
) -> None:
    """Any of photograph, caption and seeds may be missing."""
    words: list[str | Path] = ["suggest", "--json", "--bundle", store]
    words += [photographs / "cat.jpg"] if photo else []
    words += ["--caption", "my cat asleep in the sun"] if caption else []
    words += ["--seed", "cat"] if seed else []
    done = tagsmith(*words)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["suggestions"]
    for one in answer["suggestions"]:
        assert sum(one["parts"].values()) == pytest.approx(one["score"], abs=1e-4)
        assert photo or one["parts"]["image"] == 0
        assert caption or one["parts"]["caption"] == 0
        assert seed or one["parts"]["seeds"] == 0


def test_a_person_sees_a_table_and_a_set_for_a_platform(store: Path, photographs: Path) -> None:
    """With the topics and what the picture looks like."""
    done = tagsmith("suggest", photographs / "cat.jpg", "--platform", "instagram", "--bundle", store)
    assert done.returncode == 0, done.stderr
    for part in ("topics: ", "looks like: ", "confidence: ", "because", "instagram ("):
        assert part in done.stdout


def test_a_broken_photograph_is_one_line(store: Path, tmp_path: Path, photographs: Path) -> None:
    """Cut short in the middle."""
    broken = tmp_path / "broken.jpg"
    broken.write_bytes((photographs / "cat.jpg").read_bytes()[:5000])
    done = tagsmith("suggest", broken, "--bundle", store)
    assert done.returncode == 2
    assert done.stderr.startswith("tagsmith: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_bundle_can_be_measured_apart_from_its_training(store: Path, data: Path) -> None:
    """With the same figures as in training."""
    out, config = data.parent / "evaluation", data.parent / "quick.toml"
    done = tagsmith("evaluate", "--data", data, "--bundle", store, "--out", out, "--config", config, "--json")
    assert done.returncode == 0, done.stderr
    published = json.loads((current(store) / "metrics.json").read_text())
    assert json.loads(done.stdout)["tags"]["methods"]["tagsmith"] == published["tags"]["methods"]["tagsmith"]
