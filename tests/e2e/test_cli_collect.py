"""``tagsmith collect`` and ``tagsmith forget`` as a person runs them: killed, on a full disk, and in the end done."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.small_disk import grow, mounted
from tests.support.tiny_recording import write_recording

TAGS = ("pets", "dog", "cat", "puppy")


def command(tmp_path: Path, corpus: Path, *more: str) -> list[str]:
    installation = str(tmp_path / "installation")
    return [sys.executable, "-m", "tagsmith", more[0], *more[1:], "--installation", installation] + (
        ["--out", str(corpus)] if more[0] == "collect" else ["--corpus", str(corpus)]
    )


def collect(tmp_path: Path, corpus: Path) -> list[str]:
    tags = [word for tag in TAGS for word in ("--tag", tag)]
    return command(tmp_path, corpus, "collect", "--source", "replay", "--files", str(tmp_path / "recording"), *tags)


def run(words: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)


def ids(corpus: Path) -> list[str]:
    return sorted(
        json.loads(line)["id"] for path in (corpus / "posts").glob("*.jsonl") for line in path.read_bytes().splitlines()
    )


@pytest.fixture
def wanted(tmp_path: Path) -> set[str]:
    """The ids of all posts of a recording that was written for the test."""
    return write_recording(tmp_path / "recording", TAGS, n_posts=16)


def test_killed_at_random_moments_it_ends_with_every_post_once(tmp_path: Path, wanted: set[str]) -> None:
    """SIGKILL leaves no time to tidy up; the next start does what is left, and the last one has nothing to do."""
    corpus, draw = tmp_path / "corpus", random.Random(20261122)
    for _ in range(3):
        with subprocess.Popen(
            collect(tmp_path, corpus), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            try:
                process.wait(0.7 + draw.random())
            except subprocess.TimeoutExpired:
                process.kill()
    done = run(collect(tmp_path, corpus))
    assert done.returncode == 0, done.stderr
    assert ids(corpus) == sorted(wanted)
    assert sum(path.is_file() for path in (corpus / "pictures").rglob("*.jpg")) == len(wanted)
    again = run(collect(tmp_path, corpus))
    assert "0 posts, 0 with a picture; finished" in again.stdout
    assert "--again looks for new posts" in again.stdout
    assert ids(corpus) == sorted(wanted)


def test_what_could_not_be_read_is_said_and_read_once_it_can_be(tmp_path: Path) -> None:
    """A table without its mapping is no success; with the mapping, the same command and ``--again`` read it."""
    (tmp_path / "posts.csv").write_text("words,when\nA walk by the lake #lake #walk,2025-03-01\n")
    (tmp_path / "columns.toml").write_text('[columns]\ncaption = "words"\ntime = "when"\n')
    words = command(tmp_path, tmp_path / "c", "collect", "--source", "dump", "--files", str(tmp_path / "posts.csv"))
    assert "in the way: pages broken 1; the report says why" in run(words).stdout
    done = run([*words, "--config", str(tmp_path / "columns.toml"), "--again"])
    assert done.stdout.startswith("1 posts")
    assert "in the way" not in done.stdout


def test_output_names_no_author_and_the_report_is_where_it_says(tmp_path: Path, wanted: set[str]) -> None:
    """Standard output, standard error and the report hold hashtags and numbers alone."""
    done = run(collect(tmp_path, tmp_path / "corpus"))
    page = Path(done.stdout.rpartition("report: ")[2].strip())
    told = done.stdout + done.stderr + page.read_text(encoding="utf-8")
    assert "64 posts, 64 with a picture; finished" in told
    assert "anna" not in told
    assert ".owner" not in told


def test_a_person_is_forgotten_from_the_command_line(tmp_path: Path, wanted: set[str]) -> None:
    """Gone from the corpus, and not collected by the next run."""
    run(collect(tmp_path, tmp_path / "corpus"))
    told = run(command(tmp_path, tmp_path / "corpus", "forget", "--author", "dog.owner2", "--post", "replay:cat-0"))
    assert "removed 4 posts and 4 pictures" in told.stdout
    run(collect(tmp_path, tmp_path / "corpus"))
    assert len(ids(tmp_path / "corpus")) == len(wanted) - 4


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--source", "nowhere"], "there is no source 'nowhere'"),
        (["--source", "replay"], "name it with --files"),
        (["--source", "replay", "--files", "{recording}", "--topic", "cars"], "no topic 'cars'"),
        (["--source", "replay", "--files", "{recording}", "--target", "dog"], "KIND:VALUE"),
        (["--config", "missing.toml"], "cannot read the configuration missing.toml"),
    ],
)
def test_what_cannot_be_used_ends_with_2_and_one_line(
    words: list[str], message: str, tmp_path: Path, wanted: set[str]
) -> None:
    """A sentence that says what to do, and no traceback."""
    filled = [word.replace("{recording}", str(tmp_path / "recording")) for word in words]
    done = run(command(tmp_path, tmp_path / "corpus", "collect", *filled))
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for a part of the corpus."""
    with mounted(tmp_path / "disk", "300k") as place:
        yield place


def test_a_full_disk_is_told_and_loses_nothing(tmp_path: Path, wanted: set[str], small_disk: Path) -> None:
    """With room again, the same command ends with every post once."""
    corpus = small_disk / "corpus"
    full = run(collect(tmp_path, corpus))
    assert full.returncode == 2
    assert "no room left" in full.stderr
    assert "Traceback" not in full.stderr
    grow(small_disk, "20m")
    done = run(collect(tmp_path, corpus))
    assert done.returncode == 0, done.stderr
    assert ids(corpus) == sorted(wanted)
    assert all((corpus / "posts" / json.loads(line)["image"]).is_file() for line in _lines(corpus))


def _lines(corpus: Path) -> list[bytes]:
    return [line for path in (corpus / "posts").glob("*.jsonl") for line in path.read_bytes().splitlines()]
