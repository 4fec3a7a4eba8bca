"""Which of very many rows have an equal key, in little memory.

Every comparison of posts and of pictures comes down to this question: the key is a hash of an id, of an author's words,
of a band of a signature, of a part of a picture's fingerprint. Rows lie on the disk, in files of fixed-width records
that are only ever appended to and cut. They are grouped a part of the keys at a time: as many parts as keep each below
``PART_ROWS`` rows on average, each found by reading the file once more. For 10^6 rows that is four passes over
memory-speed reads, and the memory is that of one part whatever the number of rows.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

PART_ROWS = 1 << 18
_CHUNK_ROWS = 1 << 14

Rows = NDArray[np.int64]
Keys = NDArray[np.uint64]
ReadKeys = Callable[[], Iterator[tuple[Rows, Keys]]]
"""Gives (row numbers, keys), a chunk at a time and ascending, from the start at each call; a key of 0 is no key."""


class Records:
    """A file of records of one size, appended to, and read in chunks or one by one."""

    def __init__(self, path: Path, dtype: np.dtype[Any], n_rows: int) -> None:
        """Open ``path`` with its first ``n_rows`` records; what an interrupted run left behind them is cut off."""
        self.dtype = dtype
        self.n_rows = n_rows
        self._file = open(path, "r+b" if path.exists() else "w+b")  # noqa: SIM115  closed by close()
        self._file.truncate(n_rows * dtype.itemsize)
        self._file.seek(0, os.SEEK_END)

    def append(self, records: NDArray[Any]) -> None:
        """Add records, which are of this file's kind, at the end."""
        content = records.tobytes()
        self._file.write(content)
        self.n_rows += len(content) // self.dtype.itemsize

    def flush(self) -> None:
        """Flush everything to the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def chunks(self) -> Iterator[tuple[int, NDArray[Any]]]:
        """Yield (number of the first row, records), in order."""
        self._file.flush()
        for start in range(0, self.n_rows, _CHUNK_ROWS):
            n_rows = min(_CHUNK_ROWS, self.n_rows - start)
            content = os.pread(self._file.fileno(), n_rows * self.dtype.itemsize, start * self.dtype.itemsize)
            yield start, np.frombuffer(content, dtype=self.dtype)

    def rows(self, numbers: Rows) -> NDArray[Any]:
        """Return the records of some rows, in the order asked for."""
        self._file.flush()
        size, descriptor = self.dtype.itemsize, self._file.fileno()
        content = b"".join(os.pread(descriptor, size, int(number) * size) for number in numbers)
        return np.frombuffer(content, dtype=self.dtype)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def equal_keys(read: ReadKeys, n_rows: int, part_rows: int = PART_ROWS) -> Iterator[Rows]:
    """Yield the rows of each key that two or more have, ascending.

    Args:
        read: gives the keys.
        n_rows: about how many there are.
        part_rows: rows that are looked at together, on average; one key that very many rows share is held whole.
    """
    n_parts = np.uint64(max(1, -(-n_rows // part_rows)))
    for part in range(int(n_parts)):
        found = [
            (rows[chosen], keys[chosen]) for rows, keys in read() if (chosen := _in_part(keys, part, n_parts)).any()
        ]
        if not found:
            continue
        rows = np.concatenate([part_of_rows for part_of_rows, _ in found])
        keys = np.concatenate([part_of_keys for _, part_of_keys in found])
        del found
        order = np.argsort(keys, kind="stable")  # stable, so that rows of one key stay ascending
        rows, keys = rows[order], keys[order]
        starts = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
        ends = np.append(starts[1:], len(keys))
        for at in np.flatnonzero(ends - starts > 1):
            yield rows[starts[at] : ends[at]]


def _in_part(keys: Keys, part: int, n_parts: np.uint64) -> NDArray[np.bool_]:
    # Keys are hashes, so that any of their bits deal them out evenly; the low ones are as good as others.
    mine: NDArray[np.bool_] = (keys != 0) & (keys % n_parts == np.uint64(part))
    return mine
