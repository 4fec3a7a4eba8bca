"""Folders of .npy files: written aside and renamed, read memory-mapped, never unpickled."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from core.atomic import storage_errors, sync_folder
from core.errors import BundleCorrupt

_MAP_FROM_BYTES = 1 << 14
"""A file smaller than this is read whole: a mapping costs more than it saves, and an empty array cannot be mapped."""


@contextmanager
def staged_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty folder beside ``folder`` that takes its name when the block ends well.

    Nothing is left behind when the block raises; an older folder of that name stays until the new one is complete.

    Raises:
        StorageError: the disk is full or the place cannot be written.
    """
    staging = folder.parent / f".{folder.name}.{os.getpid()}.partial"
    retired = folder.parent / f".{folder.name}.{os.getpid()}.old"
    try:
        with storage_errors(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(staging, ignore_errors=True)
            staging.mkdir()
            yield staging
            if folder.exists():
                folder.rename(retired)
            staging.rename(folder)
            sync_folder(folder.parent)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        shutil.rmtree(retired, ignore_errors=True)


def write_array(path: Path, array: NDArray[Any]) -> None:
    """Write one array as .npy and flush it to the disk."""
    with path.open("wb") as file:
        np.save(file, np.ascontiguousarray(array), allow_pickle=False)
        file.flush()
        os.fsync(file.fileno())


def write_json(path: Path, value: object) -> None:
    """Write JSON with sorted keys, so that equal values make equal files."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        json.dump(value, file, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        file.flush()
        os.fsync(file.fileno())


def open_array(path: Path, shape: tuple[int, ...], dtypes: tuple[str, ...]) -> NDArray[Any]:
    """Return the read-only array in ``path``, mapped from disk when it is large.

    Args:
        path: the .npy file.
        shape: the shape it must have.
        dtypes: names of the NumPy types it may have.

    Raises:
        BundleCorrupt: missing, no .npy file, of another shape or type.
    """
    try:
        with path.open("rb") as file:
            found, dtype, n_bytes = _announced(file)
            if path.stat().st_size != file.tell() + n_bytes:
                raise ValueError("it has more or fewer bytes than it announces")
    except FileNotFoundError as error:
        raise BundleCorrupt(f"{path} is missing; restore the folder or train it again") from error
    except Exception as error:  # NumPy's reader of heads, fed with hostile bytes, raises nearly anything
        raise BundleCorrupt(f"{path} cannot be read as an array ({error}); restore it or train again") from error
    if found != shape or dtype.name not in dtypes:
        raise BundleCorrupt(
            f"{path} holds {dtype.name}{list(found)} where {' or '.join(dtypes)}{list(shape)} was expected"
        )
    try:
        mapped = path.stat().st_size >= _MAP_FROM_BYTES
        array: NDArray[Any] = np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise BundleCorrupt(f"{path} cannot be read as an array ({error}); restore it or train again") from error
    array.flags.writeable = False
    # A plain array over the mapping: slicing numpy.memmap itself costs microseconds, and scoring slices thousands.
    return array.view(np.ndarray)


def _announced(file: BinaryIO) -> tuple[tuple[int, ...], np.dtype[Any], int]:
    """Return the shape, type and number of bytes that the head of an .npy file announces, and leave ``file`` behind it.

    Looked at before NumPy makes room for what is announced.
    """
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    elif version == (2, 0):
        shape, _, dtype = np.lib.format.read_array_header_2_0(file)
    else:
        raise ValueError("it is of a format version that this program does not read")
    if dtype.hasobject or not dtype.isnative or any(side < 0 for side in shape):
        raise ValueError("it holds no plain numbers")
    return shape, dtype, math.prod(shape) * dtype.itemsize


def open_json(path: Path) -> Any:
    """Return the JSON value in ``path``.

    Raises:
        BundleCorrupt: missing or not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BundleCorrupt(f"{path} is missing; restore the folder or train it again") from error
    except (OSError, ValueError) as error:
        raise BundleCorrupt(f"{path} is not readable JSON ({error}); restore it or train again") from error


def open_words(path: Path) -> tuple[str, ...]:
    """Return the list of different words in ``path``.

    Raises:
        BundleCorrupt: missing, not a list of strings, or a word stands twice.
    """
    words = open_json(path)
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise BundleCorrupt(f"{path} is not a list of words; restore it or train again")
    if len(set(words)) != len(words):
        raise BundleCorrupt(f"{path} holds a word twice; restore it or train again")
    return tuple(words)
