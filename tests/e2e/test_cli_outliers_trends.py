"""Quarantine lists and trends on real disks, full ones too."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.errors import StorageError
from core.quarantine import LIST_FILE, put_in_quarantine, quarantined, take_out_of_quarantine
from core.trend_snapshot import read_snapshot
from tests.support.small_disk import mounted
from tests.unit.pipelines.posts_on_disk import record, write_lines

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of four megabytes."""
    with mounted(tmp_path / "disk", "4m") as place:
        yield place


def tagsmith(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "tagsmith", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )


def fill(disk: Path) -> Path:
    """Leave no room on a disk and return the file that takes it."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 512)
    return filler


def test_a_full_disk_keeps_the_trends_of_before(tmp_path: Path, small_disk: Path) -> None:
    """Exit code 2 and what to do; the old file is whole, and the same command ends well with room."""
    now = datetime.now(UTC)
    corpus = tmp_path / "corpus"
    rows = [
        record(
            n, hashtags=["dog", f"walk{n % 50}"], author=f"a{n}", time=(now - timedelta(days=1 + n % 30)).isoformat()
        )
        for n in range(600)
    ]
    write_lines(corpus / "posts" / "walks.jsonl", rows)
    words = ("trends", "refresh", "--corpus", str(corpus), "--bundle", str(small_disk))
    assert tagsmith(*words).returncode == 0
    before = (small_disk / "trends.json").read_bytes()
    filler = fill(small_disk)
    failed = tagsmith(*words)
    assert failed.returncode == 2
    assert "no room left to write" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert (small_disk / "trends.json").read_bytes() == before
    assert [path.name for path in small_disk.iterdir() if path.suffix == ".tmp"] == []
    filler.unlink()
    assert tagsmith(*words).returncode == 0
    assert "dog" in read_snapshot(small_disk / "trends.json").hashtags


def test_a_full_disk_keeps_the_quarantine_of_before(small_disk: Path) -> None:
    """The list is replaced whole or not at all; with room it goes through and comes back."""
    names = [f"cats/a_{n:06}.jpg" for n in range(50_000)]
    put_in_quarantine(small_disk, names[:3])
    before = (small_disk / LIST_FILE).read_bytes()
    filler = fill(small_disk)
    with pytest.raises(StorageError, match="no room left"):
        put_in_quarantine(small_disk, names)
    assert (small_disk / LIST_FILE).read_bytes() == before
    filler.unlink()
    put_in_quarantine(small_disk, names)
    assert len(quarantined(small_disk)) == len(names)
    assert take_out_of_quarantine(small_disk) == len(names)
    assert (small_disk / LIST_FILE).read_bytes() == before
