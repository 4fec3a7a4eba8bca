"""Taking pictures out and refreshing trends on real disks, full ones too, and killed for real."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.errors import DataError
from core.trend_snapshot import read_snapshot
from pipelines.outliers.quarantine import JOURNAL, Quarantine
from tests.support.small_disk import mounted
from tests.unit.pipelines.outliers.test_quarantine import state
from tests.unit.pipelines.posts_on_disk import record, write_lines

ROOT = Path(__file__).resolve().parents[2]
N_PICTURES = 300


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


def write_pictures(folder: Path) -> list[str]:
    """Write files that pass for pictures, with labels, and return their names."""
    names = [f"{'cats' if n % 2 else 'dogs'}/a_{n:04}.jpg" for n in range(N_PICTURES)]
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    lines = [f"{name},{name.split('/')[0]}" for name in names]
    (folder / "labels.csv").write_text("path,topics\n" + "\n".join(lines) + "\n")
    return names


def fill(disk: Path) -> Path:
    """Leave no room on a disk and return the file that takes it."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 512)
    return filler


TAKE_OUT = """
import sys
from pathlib import Path
from pipelines.outliers.quarantine import Quarantine
folder = Path(sys.argv[1])
paths = sorted(path.relative_to(folder).as_posix() for path in folder.glob("*/*.jpg"))
print("begin", flush=True)
Quarantine(folder).apply(paths[::2])
"""


@pytest.mark.parametrize("seed", range(3))
def test_killed_at_any_moment_no_picture_is_lost(tmp_path: Path, seed: int) -> None:
    """A real kill -9 while pictures move; undoing restores the folder to the byte."""
    folder = tmp_path / "topics"
    write_pictures(folder)
    before = state(folder)
    process = subprocess.Popen([sys.executable, "-c", TAKE_OUT, str(folder)], cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    moved = random.Random(seed).randrange(N_PICTURES // 2)
    place = Quarantine(folder).place
    while process.poll() is None and sum(1 for _ in place.glob("*/*/*.jpg")) < moved:
        pass
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    everywhere = [*folder.rglob("*.jpg"), *place.rglob("*.jpg")]
    assert sorted(path.name for path in everywhere) == sorted(
        Path(name).name for name in before if name.endswith("jpg")
    )
    if list(place.glob(f"*/{JOURNAL}")):
        Quarantine(folder).undo()
    else:
        with pytest.raises(DataError, match="nothing is in quarantine"):
            Quarantine(folder).undo()
    assert state(folder) == before


def test_a_full_disk_moves_no_picture(small_disk: Path) -> None:
    """The journal does not fit, so nothing begins; with room it goes through and comes back."""
    folder = small_disk / "topics"
    names = write_pictures(folder)
    before = state(folder)
    filler = fill(small_disk)
    taking = subprocess.run([sys.executable, "-c", TAKE_OUT, str(folder)], cwd=ROOT, capture_output=True, text=True)
    assert "StorageError: no room left to write" in taking.stderr
    filler.unlink()
    assert state(folder) == before
    Quarantine(folder).apply(names)
    assert Quarantine(folder).undo()[0] == N_PICTURES
    assert state(folder) == before
    assert not Quarantine(folder).place.exists()


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
