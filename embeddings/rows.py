"""Matrices whose rows are stored small and handed out as float32."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.errors import BundleCorrupt, DataError
from embeddings.array_folder import open_array, write_array

RowFormat = Literal["int8", "float16", "float32"]

_FLOAT16_MAX = float(np.finfo(np.float16).max)


class RowMatrix:
    """A read-only (n, d) matrix in int8 with a float32 scale a row, or in float16 or float32.

    An int8 row is ``scale * q`` with q in -127..127 and ``scale = max |row| / 127``, so no value is off by more than
    half a scale. Safe to share between threads.
    """

    __slots__ = ("_scales", "_stored")

    def __init__(self, stored: NDArray[Any], scales: NDArray[np.float32] | None) -> None:
        """Wrap arrays that ``quantise`` or ``open_rows`` made: (n, d) and, for int8, (n,)."""
        self._stored = stored
        self._scales = scales

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and dimensions."""
        return (int(self._stored.shape[0]), int(self._stored.shape[1]))

    @property
    def format(self) -> str:
        """``int8``, ``float16`` or ``float32``."""
        return str(self._stored.dtype.name)

    def take(self, rows: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
        """Return the given rows, (len(rows), d) float32."""
        dense: NDArray[np.float32] = self._stored[rows].astype(np.float32)
        if self._scales is not None:
            dense *= self._scales[rows][:, None]
        return dense

    def dense(self) -> NDArray[np.float32]:
        """Return all rows, (n, d) float32: a fresh copy of 4 n d bytes."""
        dense = np.asarray(self._stored).astype(np.float32)
        if self._scales is not None:
            dense *= self._scales[:, None]
        return dense

    def save(self, folder: Path, name: str) -> None:
        """Write ``name.npy`` and, for int8, ``name_scale.npy``."""
        write_array(folder / f"{name}.npy", self._stored)
        if self._scales is not None:
            write_array(folder / f"{name}_scale.npy", self._scales)


def quantise(matrix: NDArray[np.floating[Any]], row_format: RowFormat) -> RowMatrix:
    """Return ``matrix`` (n, d) stored as ``row_format``.

    Raises:
        DataError: not two-dimensional, or a value is NaN, infinite or too large for float16.
    """
    if matrix.ndim != 2:
        raise DataError(f"vectors must form a matrix, not an array of shape {list(matrix.shape)}")
    if not np.isfinite(matrix).all():
        raise DataError("vectors hold NaN or infinity: training diverged; lower the learning rate")
    if row_format == "int8":
        peak = np.abs(matrix).max(axis=1, initial=0.0)
        scales = (peak / 127.0).astype(np.float32)
        divisor = np.where(scales > 0, scales, np.float32(1.0))[:, None]
        stored: NDArray[Any] = np.clip(np.rint(matrix / divisor), -127, 127).astype(np.int8)
        return RowMatrix(stored, scales)
    if row_format == "float16" and np.abs(matrix).max(initial=0.0) > _FLOAT16_MAX:
        raise DataError("vectors hold values beyond float16; store them as int8")
    return RowMatrix(matrix.astype(np.dtype(row_format)), None)


def open_rows(folder: Path, name: str, shape: tuple[int, int], row_format: str) -> RowMatrix:
    """Return the matrix that ``RowMatrix.save`` wrote, memory-mapped.

    Raises:
        BundleCorrupt: missing, of another shape or type, or not finite.
    """
    stored = open_array(folder / f"{name}.npy", shape, (row_format,))
    if row_format != "int8":
        if not np.isfinite(stored).all():
            raise BundleCorrupt(f"{folder / name}.npy holds NaN or infinity; restore it or train again")
        return RowMatrix(stored, None)
    scales: NDArray[np.float32] = open_array(folder / f"{name}_scale.npy", (shape[0],), ("float32",))
    if not np.isfinite(scales).all():
        raise BundleCorrupt(f"{folder / name}_scale.npy holds NaN or infinity; restore it or train again")
    return RowMatrix(stored, scales)
