"""Sparse count matrices in compressed rows, kept as plain .npy files and mapped from disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from core.errors import BundleCorrupt, DataError
from embeddings.array_folder import open_array, write_array

_UNSIGNED = ("uint8", "uint16", "uint32")


@dataclass(frozen=True, slots=True)
class CountMatrix:
    """A sparse (n_rows, n_columns) matrix of whole counts. Safe to share between threads.

    Attributes:
        indptr: (n_rows + 1,) int64; row i is ``indptr[i]:indptr[i + 1]``.
        indices: (nnz,) the smallest unsigned type that holds the column numbers, rising within a row.
        counts: (nnz,) the smallest unsigned type that holds the largest count; all at least 1.
        n_columns: width.
    """

    indptr: NDArray[np.int64]
    indices: NDArray[np.unsignedinteger[Any]]
    counts: NDArray[np.unsignedinteger[Any]]
    n_columns: int

    @property
    def n_rows(self) -> int:
        """Height."""
        return int(self.indptr.shape[0]) - 1

    @property
    def nnz(self) -> int:
        """Cells kept."""
        return int(self.indices.shape[0])

    def row(self, number: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the columns (int64, rising) and counts (float32) of one row, fresh arrays."""
        start, end = int(self.indptr[number]), int(self.indptr[number + 1])
        return self.indices[start:end].astype(np.int64), self.counts[start:end].astype(np.float32)

    def count(self, row: int, column: int) -> int:
        """Return one cell, 0 when it was not kept."""
        start, end = int(self.indptr[row]), int(self.indptr[row + 1])
        at = start + int(np.searchsorted(self.indices[start:end], column))
        return int(self.counts[at]) if at < end and int(self.indices[at]) == column else 0

    def to_scipy(self) -> Any:
        """Return a float32 ``scipy.sparse.csr_matrix`` of the same cells."""
        parts = (self.counts.astype(np.float32), self.indices.astype(np.int32), self.indptr)
        return sp.csr_matrix(parts, shape=(self.n_rows, self.n_columns))

    def save(self, folder: Path, name: str) -> None:
        """Write ``name_indptr.npy``, ``name_indices.npy`` and ``name_counts.npy``."""
        write_array(folder / f"{name}_indptr.npy", self.indptr)
        write_array(folder / f"{name}_indices.npy", self.indices)
        write_array(folder / f"{name}_counts.npy", self.counts)


def compress(matrix: Any, min_count: int) -> CountMatrix:
    """Return a scipy sparse matrix rounded to whole counts, without cells below ``min_count`` (at least 1).

    Raises:
        DataError: a count is negative, not finite or beyond 32 bits.
    """
    rows = sp.csr_matrix(matrix)
    rows.sum_duplicates()
    if not np.isfinite(rows.data).all() or (rows.data < 0).any():
        raise DataError("counts must be finite and not negative")
    rows.data = np.rint(rows.data)
    rows.data[rows.data < min_count] = 0
    rows.eliminate_zeros()
    rows.sort_indices()
    if rows.data.size and rows.data.max() > np.iinfo(np.uint32).max:
        raise DataError("a count does not fit 32 bits")
    return CountMatrix(
        indptr=rows.indptr.astype(np.int64),
        indices=rows.indices.astype(_smallest(rows.shape[1])),
        counts=rows.data.astype(_smallest(rows.data.max(initial=0))),
        n_columns=int(rows.shape[1]),
    )


def open_counts(folder: Path, name: str, n_rows: int, n_columns: int, nnz: int) -> CountMatrix:
    """Return the matrix that ``CountMatrix.save`` wrote, memory-mapped.

    Raises:
        BundleCorrupt: a file is missing, of another size, or points outside the matrix.
    """
    indptr = open_array(folder / f"{name}_indptr.npy", (n_rows + 1,), ("int64",))
    indices = open_array(folder / f"{name}_indices.npy", (nnz,), _UNSIGNED)
    counts = open_array(folder / f"{name}_counts.npy", (nnz,), _UNSIGNED)
    falls = bool((indptr[1:] < indptr[:-1]).any())  # a difference could wrap around
    if falls or int(indptr[0]) != 0 or int(indptr[-1]) != nnz or (nnz and int(indices.max()) >= n_columns):
        raise BundleCorrupt(f"{folder / name}_indptr.npy points outside its matrix; restore it or train again")
    return CountMatrix(indptr, indices, counts, n_columns)


def _smallest(largest: float) -> str:
    """Return the smallest unsigned type that holds ``largest``."""
    return next(name for name in _UNSIGNED if largest <= np.iinfo(name).max)
