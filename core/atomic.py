"""Files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from core.errors import StorageError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
# A file system without links, another file system, a file with too many of them, or one that is not ours to link.
_NO_LINK = frozenset({errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EACCES, errno.ENOSYS})


def write_atomic(path: Path, content: bytes | str) -> None:
    """Replace ``path`` by ``content`` (text as UTF-8): a reader sees the old file or the new one, never a part.

    Raises:
        StorageError: the disk is full, or the folder is missing or cannot be written.
    """
    with replacing(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Yield a file that takes the place of ``path``, whole, when the block ends without an error.

    Raises:
        StorageError: the disk is full, or the folder is missing or cannot be written.
    """
    with storage_errors(path), aside(path) as hidden, open(hidden, "xb") as file:
        yield file


@contextlib.contextmanager
def aside(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """Yield a hidden path in the same folder; the file written there is renamed to ``path`` when the block succeeds.

    It is removed when the block fails. Errors of the disk stay OSErrors, for a block that has other ones to tell apart.

    Args:
        path: what is replaced.
        durable: whether file and name are flushed to the disk; without it, a power cut may leave a broken file.
    """
    hidden = _hidden(path)
    try:
        yield hidden
        if durable:
            _sync(hidden)
        os.replace(hidden, path)
    except BaseException:
        hidden.unlink(missing_ok=True)
        raise
    if durable:
        sync_folder(path.parent)


def write_first(path: Path, content: bytes, mode: int) -> None:
    """Write ``path`` unless it is there, readable as ``mode`` says from its first moment; of two writers, one wins.

    Raises:
        OSError: the folder is missing or cannot be written.
    """
    hidden = _hidden(path)
    descriptor = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(hidden, path)
    finally:
        hidden.unlink(missing_ok=True)


def link_or_copy(source: Path, target: Path) -> None:
    """Make ``target`` a hard link to ``source``, or a copy where links do not reach; keep a ``target`` that exists.

    Raises:
        OSError: ``source`` is not there, or the disk is full or cannot be written.
    """
    try:
        os.link(source, target, follow_symlinks=False)
    except FileExistsError:
        return
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        with aside(target) as hidden:
            shutil.copyfile(source, hidden)


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries, so that a rename inside it outlives a power cut."""
    _sync(folder)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _hidden(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")


@contextlib.contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn an OSError of the block into a StorageError that names ``path`` and says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageError(f"no room left to write {path}; free some space and run it again") from error
        reason = error.strerror or type(error).__name__
        raise StorageError(f"cannot write {path} ({reason}); check that the folder exists and is yours") from error
