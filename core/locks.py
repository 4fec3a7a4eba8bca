"""A lock that several processes see, and that ends with the process that holds it."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from core.atomic import storage_errors
from core.errors import StorageError


class Held(Exception):
    """Another process, or another holder in this one, has the lock."""


@contextlib.contextmanager
def hold_lock(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold the lock file ``path`` for the block; it is made when it is not there, and left behind.

    Raises:
        Held: someone else has it and ``wait`` is False.
        StorageError: the file cannot be made.
    """
    with storage_errors(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError as error:
            raise Held(str(path)) from error
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def hold_work_folder(folder: Path, busy: str) -> Iterator[None]:
    """Hold a folder of working state, which is made when it is not there, for this process alone.

    Args:
        folder: where one run at a time may work.
        busy: the message when another process is at work there: what is going on, then what to do.

    Raises:
        StorageError: the folder cannot be made, or another process is at work in it.
    """
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(hold_lock(folder / "lock", wait=False))
        except Held as error:
            raise StorageError(busy) from error
        yield
