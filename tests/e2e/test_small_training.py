"""The whole way on a small part of real data: train, train again, answer. Run by ``make sample``."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.small_data import CONFIG, cut_pictures, cut_posts

pytestmark = [pytest.mark.sample, pytest.mark.train]

STAGES = ["split", "train-topics", "train-embeddings", "train-ranker", "evaluate", "publish"]


def tagsmith(*words: str | Path) -> str:
    """Run a command to its end and return what it printed."""
    command: list[str | Path] = [sys.executable, "-m", "tagsmith", *words]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def data(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One post in twenty, and a few pictures of each topic."""
    folder = tmp_path_factory.mktemp("small") / "data"
    cut_posts(data_dir / "posts", folder / "posts", one_in=20)
    cut_pictures(data_dir / "topics", folder / "topics", n=12)
    shutil.copy(data_dir / "topic_lexicon.json", folder)
    shutil.copytree(data_dir / "multimodal", folder / "multimodal")
    return folder


@pytest.fixture(scope="module")
def words(data: Path, weights_dir: Path) -> list[str | Path]:
    """The training command."""
    config = data.parent / "small.toml"
    config.write_text(CONFIG, encoding="utf-8")
    out = data.parent / "bundles"
    return ["train", "--data", data, "--weights", weights_dir, "--out", out, "--config", config]


@pytest.fixture(scope="module")
def store(words: list[str | Path], data: Path) -> Path:
    """A store with the bundle that one run made."""
    tagsmith(*words)
    return data.parent / "bundles"


def test_a_run_publishes_a_bundle_that_verifies(store: Path) -> None:
    """What is current is whole."""
    assert "files are as they were published" in tagsmith("bundle", "verify", "--bundle", store)


def test_the_same_run_again_skips_every_stage(store: Path, words: list[str | Path]) -> None:
    """Nothing changed, so nothing is learnt twice, and the same bundle stays current."""
    before = (store / "CURRENT").read_text()
    n_before = len((store / ".work" / "log.jsonl").read_text().splitlines())
    tagsmith(*words)
    log = [json.loads(line) for line in (store / ".work" / "log.jsonl").read_text().splitlines()[n_before:]]
    assert [entry["stage"] for entry in log if entry["outcome"] == "skipped"] == STAGES
    assert (store / "CURRENT").read_text() == before


@pytest.mark.parametrize(
    "asked",
    [
        ["cat.jpg"],
        ["--caption", "a walk on the beach at sunset"],
        ["--seed", "dog"],
        ["cat.jpg", "--caption", "sleepy cat on the sofa", "--seed", "cat"],
    ],
    ids=["picture", "caption", "seed", "all"],
)
def test_the_new_bundle_answers(store: Path, photographs: Path, asked: list[str]) -> None:
    """A bundle that training made answers with parts that add up."""
    words = [photographs / word if word.endswith(".jpg") else word for word in asked]
    answer = json.loads(tagsmith("suggest", *words, "--json", "--bundle", store))
    assert answer["suggestions"]
    for suggestion in answer["suggestions"]:
        assert abs(sum(suggestion["parts"].values()) - suggestion["score"]) < 1e-4
