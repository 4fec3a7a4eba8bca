"""A file system that is quickly full."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


@contextlib.contextmanager
def mounted(place: Path, size: str) -> Iterator[Path]:
    """Make ``place`` a file system of ``size`` ("3m"), and yield it; skip the test, loudly, where that cannot be."""
    place.mkdir()
    done = _mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place))
    if done.returncode != 0:
        pytest.skip(f"SKIPPED, NOT RUN: no small disk can be mounted here ({done.stderr.strip()})")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def grow(place: Path, size: str) -> None:
    """Give what ``mounted`` made more room."""
    done = _mount("-o", f"remount,size={size}", str(place))
    assert done.returncode == 0, done.stderr


def _mount(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["mount", *words], capture_output=True, text=True, check=False)
