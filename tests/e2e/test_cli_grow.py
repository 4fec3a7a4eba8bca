"""From recorded pages to a served bundle with one command, killed on the way, and what forgetting says of it."""

from __future__ import annotations

import contextlib
import csv
import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from core.bundle.opening import current, list_bundles, open_bundle
from tests.support.quick_training import quick_training

pytestmark = [pytest.mark.train, pytest.mark.sample]
pytest.importorskip("torch")

TOPICS = {"pets": ("dog", "cat"), "food": ("food", "dinner"), "nature": ("nature", "sunset")}
BESIDE = {
    "pets": ("puppy", "cute", "fluffy", "walk", "park", "meow", "happy"),
    "food": ("yummy", "tasty", "lunch", "homemade", "pizza", "recipe", "salad"),
    "nature": ("lake", "forest", "mountains", "hike", "sky", "wild", "river"),
}
# As little as still goes through every stage.
QUICK = quick_training("small", word2vec_epochs=1, context_epochs=2)
SMALL = QUICK.replace("n_buckets = 1000", "n_buckets = 1000\nbatch_posts = 32") + (
    "[corpus]\nmin_train = 50\nmin_val = 10\n[grow]\nmin_multimodal = 10\n"
)
POSTS = 40
"""Of each hashtag."""


def tagsmith(*words: str | Path, timeout: float | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, or kill it when its time is up."""
    command = [sys.executable, "-m", "tagsmith", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout)


def record(data: Path, folder: Path) -> None:
    """Write pages of made-up posts by a dozen authors a topic, with photographs of the topic."""
    (folder / "pages").mkdir(parents=True)
    (folder / "pictures").mkdir()
    with (data / "topics" / "labels.csv").open(newline="", encoding="utf-8") as table:
        rows = list(csv.DictReader(table))
    draw, number = random.Random(5), 0
    for topic, hashtags in TOPICS.items():
        pictures = iter([row["path"] for row in rows if row["topics"] == topic and row["split"] != "ood"])
        for hashtag in hashtags:
            posts = []
            for _ in range(POSTS):
                number += 1
                words = draw.sample(BESIDE[topic], 4)
                post = {
                    "post_id": str(number),
                    "caption": f"{' '.join(words[:2])} number{number} "
                    + " ".join(f"#{tag}" for tag in (hashtag, *words)),
                    "author": f"{topic}{number % 12}",
                    "time": f"2025-{1 + number % 12:02d}-{1 + number % 27:02d}T10:00:00+00:00",
                }
                if (picture := next(pictures, None)) is not None:
                    shutil.copyfile(data / "topics" / picture, folder / "pictures" / f"{number}.jpg")
                    post["pictures"] = [f"pictures/{number}.jpg"]  # type: ignore[assignment]
                posts.append(post)
            page = {"target": {"kind": "tag", "value": hashtag}, "page": {"posts": posts}}
            (folder / "pages" / f"{hashtag}.json").write_text(json.dumps(page), encoding="utf-8")


def test_one_command_makes_a_bundle_of_a_corpus_and_goes_on_after_kills(
    tmp_path: Path, data_dir: Path, weights_dir: Path
) -> None:
    """Collected, cleaned, dealt, trained, published, killed twice on the way; it answers, and forgetting names it."""
    record(data_dir, tmp_path / "recording")
    lines = "".join(f"{topic} = {json.dumps(hashtags)}\n" for topic, hashtags in TOPICS.items())
    (tmp_path / "collect.toml").write_text(
        f'source = "replay"\nfiles = "{tmp_path / "recording"}"\n[topics]\n{lines}', encoding="utf-8"
    )
    (tmp_path / "small.toml").write_text(SMALL, encoding="utf-8")
    corpus, store, installation = (tmp_path / name for name in ("corpus", "store", "installation"))
    grow: list[str | Path] = [
        "grow",
        "--collect",
        tmp_path / "collect.toml",
        "--corpus",
        corpus,
        "--weights",
        weights_dir,
    ]
    grow += ["--out", store, "--config", tmp_path / "small.toml", "--installation", installation]
    for seconds in (6.0, 25.0):
        with contextlib.suppress(subprocess.TimeoutExpired):  # killed, unless the machine is faster than that
            tagsmith(*grow, timeout=seconds)
    done = tagsmith(*grow)
    assert done.returncode == 0, done.stderr

    (bundle_id,) = list_bundles(store)
    assert current(store).name == bundle_id
    assert set(open_bundle(current(store)).manifest.topics) == set(TOPICS)
    summary = json.loads((store / ".grow" / "stages" / "arrange" / "out" / "summary.json").read_text(encoding="utf-8"))
    assert sum(summary["posts"].values()) + summary["multimodal"] > 150

    again = tagsmith(*grow)
    assert again.returncode == 0
    assert again.stderr.count("unchanged, skipped") >= 9

    picture = next((corpus / "pictures").rglob("*.jpg"))
    answer = tagsmith("suggest", picture, "--caption", "in the park", "--json", "--bundle", store)
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)["suggestions"]

    told = tagsmith(
        "forget", "--author", "pets3", "--corpus", corpus, "--bundles", store, "--installation", installation
    )
    assert f"trained with them, so train again and take these out of use: {bundle_id}" in told.stdout
