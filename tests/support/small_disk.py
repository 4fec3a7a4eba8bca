"""A file system that is quickly full."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

CLONE_NEWNS = 0x0002_0000


@contextlib.contextmanager
def mounted(place: Path, size: str) -> Iterator[Path]:
    """Make ``place`` a file system of ``size`` ("3m"), and yield it; skip the test, loudly, where that cannot be.

    Only this process and those that it starts see it, so it is gone when they are, however they were ended.
    """
    place.mkdir()
    why_not = _own_mounts() or _mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place))
    if why_not:
        pytest.skip(f"SKIPPED, NOT RUN: no small disk can be mounted here ({why_not})")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def grow(place: Path, size: str) -> None:
    """Give what ``mounted`` made more room."""
    why_not = _mount("-o", f"remount,size={size}", str(place))
    assert not why_not, why_not


@functools.cache
def _own_mounts() -> str:
    """Let this thread, and what it starts, have mounts of its own; return why that cannot be, or nothing."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS) != 0:
        return os.strerror(ctypes.get_errno())
    # What is mounted outside goes on being seen in here, but not the other way round.
    return _mount("--make-rslave", "/")


def _mount(*words: str) -> str:
    """Return why that cannot be mounted, or nothing."""
    done = subprocess.run(["mount", *words], capture_output=True, text=True, check=False)
    return done.stderr.strip() or f"mount ended with {done.returncode}" if done.returncode else ""
