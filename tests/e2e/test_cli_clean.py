"""``tagsmith clean`` as a process: killed at any moment, and on a disk that fills up."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.small_disk import grow, mounted
from tests.unit.pipelines.corpora_on_disk import (
    jpeg,
    kept_ids,
    photograph,
    record,
    run_clean,
    tree_of,
    write_picture,
    write_shard,
)


def write_corpus(corpus: Path, n_posts: int) -> None:
    """Write posts in three shards, some the same, some with pictures."""
    for shard in range(3):
        numbers = range(shard * n_posts, (shard + 1) * n_posts)
        records = [record(n, **({"caption": record(7)["caption"]} if n % 50 == 0 else {})) for n in numbers]
        for one in records[:8]:
            name = f"{shard}b{one['id'].split(':')[1]}.jpg"
            one["image"] = write_picture(corpus, name, jpeg(photograph(int(one["id"].split(":")[1]) % 5)))
        write_shard(corpus, records, f"walks-{shard:05d}.jsonl")


def start(corpus: Path, out: Path) -> subprocess.Popen[str]:
    """Start the command."""
    command = [sys.executable, "-m", "tagsmith", "clean", str(corpus), "--out", str(out)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_killed_at_random_moments_it_ends_with_the_same_corpus(tmp_path: Path) -> None:
    """Kill -9 while it works, again and again: no result until the last run, and then the whole one, byte for byte."""
    corpus, out, work = tmp_path / "corpus", tmp_path / "clean", tmp_path / ".clean.cleaning"
    write_corpus(corpus, 1500)
    before = tree_of(corpus)
    run_clean(corpus, tmp_path / "whole")
    draw = random.Random(5)
    n_killed = 0
    for _ in range(3):
        process = start(corpus, out)
        while process.poll() is None and not (work / "posts.jsonl").exists():
            time.sleep(0.01)
        time.sleep(draw.uniform(0.0, 1.2))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        n_killed += process.returncode == -signal.SIGKILL
        if process.returncode == -signal.SIGKILL:
            assert not out.exists() or tree_of(out) == tree_of(tmp_path / "whole")
    assert n_killed
    last = start(corpus, out)
    _, errors = last.communicate()
    assert last.returncode == 0, errors
    assert tree_of(out) == tree_of(tmp_path / "whole")
    assert tree_of(corpus) == before
    assert not work.exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    with mounted(tmp_path / "disk", "1m") as place:
        yield place


def test_a_full_disk_ends_with_a_sentence_and_loses_nothing(tmp_path: Path, small_disk: Path) -> None:
    """Exit code 2, what to do, no result, an untouched corpus; with more room the same command ends as it should."""
    corpus, out = tmp_path / "corpus", small_disk / "clean"
    write_corpus(corpus, 1200)
    before = tree_of(corpus)
    process = start(corpus, out)
    _, errors = process.communicate()
    assert process.returncode == 2
    assert "no room left to write" in errors
    assert "free some space and run" in errors
    assert "Traceback" not in errors
    assert not out.exists()
    assert tree_of(corpus) == before
    grow(small_disk, "64m")
    assert run_clean(corpus, out).n_read == 3600
    run_clean(corpus, tmp_path / "whole")
    assert kept_ids(out) == kept_ids(tmp_path / "whole")
    assert tree_of(corpus) == before
