"""Tables that hold only the rows in which they differ from another, and open on top of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import BundleCorrupt, DataError
from embeddings.array_folder import open_array, staged_folder, write_array, write_json
from embeddings.rows import RowFormat, RowMatrix, open_rows, quantise
from embeddings.table import FORMAT_VERSION, ROW_FORMATS, EmbeddingTable, read_facts

Rows = NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True)
class DeltaTable:
    """What a topic's table changes.

    Attributes:
        input_rows: (a,) int32, rising: the rows of ``inputs`` in the base table.
        inputs: (a, d) replacing vectors.
        output_rows: (b,) int32, rising.
        outputs: (b, d) replacing vectors.
        output_bias: (b,) float32 replacing biases of ``output_rows``, or None.
        log_prior: (n_outputs,) float32, the topic's own prior over all hashtags.
    """

    input_rows: NDArray[np.int32]
    inputs: RowMatrix
    output_rows: NDArray[np.int32]
    outputs: RowMatrix
    output_bias: NDArray[np.float32] | None
    log_prior: NDArray[np.float32]


class OverlayTable:
    """A base table seen through a delta; behaves as a whole table. Safe to share between threads."""

    __slots__ = ("_base", "_bias", "_delta")

    def __init__(self, base: EmbeddingTable, delta: DeltaTable) -> None:
        """Lay ``delta`` over ``base``.

        Raises:
            DataError: the delta is of another vocabulary, of other dimensions, or its rows do not rise.
        """
        for rows, limit, matrix in (
            (delta.input_rows, len(base.words), delta.inputs),
            (delta.output_rows, base.n_outputs, delta.outputs),
        ):
            if matrix.shape != (rows.shape[0], base.dimensions):
                raise DataError(f"a delta of shape {matrix.shape} does not fit {[rows.shape[0], base.dimensions]}")
            if rows.size and (int(rows[0]) < 0 or int(rows[-1]) >= limit or bool((np.diff(rows) <= 0).any())):
                raise DataError("the rows of a delta must rise and lie inside its base table")
        if not base.has_outputs or delta.log_prior.shape != base.log_prior.shape:
            raise DataError("a delta needs a base table with output vectors and as many priors")
        self._base, self._delta = base, delta
        self._bias = base.output_bias
        if base.output_bias is not None and delta.output_bias is not None:
            self._bias = np.array(base.output_bias)
            self._bias[delta.output_rows] = delta.output_bias

    @property
    def words(self) -> tuple[str, ...]:
        """All words, those of the base table."""
        return self._base.words

    @property
    def n_outputs(self) -> int:
        """How many words, from the first on, can be predicted."""
        return self._base.n_outputs

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        return self._base.dimensions

    @property
    def has_outputs(self) -> bool:
        """Always true: a delta needs output vectors below."""
        return True

    @property
    def log_prior(self) -> NDArray[np.float32]:
        """(n_outputs,) the topic's own log prior."""
        return self._delta.log_prior

    @property
    def output_bias(self) -> NDArray[np.float32] | None:
        """(n_outputs,) biases with the topic's in place, or None."""
        return self._bias

    @property
    def delta(self) -> DeltaTable:
        """The changed rows alone."""
        return self._delta

    def ids(self, words: Iterable[str]) -> NDArray[np.int64]:
        """Return the row numbers of the words that are known, in order."""
        return self._base.ids(words)

    def take_input(self, rows: Rows) -> NDArray[np.float32]:
        """Return (len(rows), d) float32 input vectors."""
        return _patched(self._base.take_input(rows), rows, self._delta.input_rows, self._delta.inputs)

    def take_output(self, rows: Rows) -> NDArray[np.float32]:
        """Return (len(rows), d) float32 output vectors."""
        return _patched(self._base.take_output(rows), rows, self._delta.output_rows, self._delta.outputs)

    def dense_input(self) -> NDArray[np.float32]:
        """Return all input vectors, (n, d) float32."""
        dense = self._base.dense_input()
        dense[self._delta.input_rows] = self._delta.inputs.dense()
        return dense

    def dense_output(self) -> NDArray[np.float32]:
        """Return all output vectors, (n_outputs, d) float32."""
        dense = self._base.dense_output()
        dense[self._delta.output_rows] = self._delta.outputs.dense()
        return dense


def build_delta(
    base: EmbeddingTable,
    inputs: NDArray[np.floating[Any]],
    outputs: NDArray[np.floating[Any]],
    log_prior: NDArray[np.floating[Any]],
    *,
    output_bias: NDArray[np.floating[Any]] | None = None,
    min_change: float = 0.0,
    row_format: RowFormat = "int8",
) -> DeltaTable:
    """Return the rows in which whole matrices differ from ``base``.

    Args:
        base: the table continued from.
        inputs: (n, d) the topic's input vectors.
        outputs: (n_outputs, d) its output vectors.
        log_prior: (n_outputs,) its log prior.
        output_bias: (n_outputs,) its biases, when the base table has any.
        min_change: a row is kept when it moved by more than this share of its length in the base table.
        row_format: how the kept rows are stored.

    Raises:
        DataError: shapes do not fit the base table, or a value is not finite.
    """
    if inputs.shape != (len(base.words), base.dimensions) or outputs.shape != (base.n_outputs, base.dimensions):
        raise DataError(f"matrices of shape {inputs.shape}, {outputs.shape} do not fit the base table")
    input_rows = _moved(base.dense_input(), inputs, min_change)
    moved = _moved(base.dense_output(), outputs, min_change)
    kept_bias = None
    if output_bias is not None and base.output_bias is not None:
        # A bias is one number a row and often all that changes: it never goes missing for want of a moved vector.
        rebiased = np.flatnonzero(np.abs(output_bias - base.output_bias) > min_change).astype(np.int32)
        moved = np.union1d(moved, rebiased).astype(np.int32)
        kept_bias = output_bias[moved].astype(np.float32)
    return DeltaTable(
        input_rows=input_rows,
        inputs=quantise(inputs[input_rows], row_format),
        output_rows=moved,
        outputs=quantise(outputs[moved], row_format),
        output_bias=kept_bias,
        log_prior=log_prior.astype(np.float32),
    )


def save_delta(delta: DeltaTable, folder: Path) -> None:
    """Write ``delta`` as a folder, all or nothing.

    Raises:
        StorageError: the disk is full or the place cannot be written.
    """
    with staged_folder(folder) as staging:
        write_array(staging / "input_rows.npy", delta.input_rows)
        write_array(staging / "output_rows.npy", delta.output_rows)
        delta.inputs.save(staging, "input")
        delta.outputs.save(staging, "output")
        write_array(staging / "log_prior.npy", delta.log_prior)
        if delta.output_bias is not None:
            write_array(staging / "output_bias.npy", delta.output_bias)
        facts = {
            "format_version": FORMAT_VERSION,
            "kind": "embedding delta",
            "n_input_rows": int(delta.input_rows.shape[0]),
            "n_output_rows": int(delta.output_rows.shape[0]),
            "input": delta.inputs.format,
            "output": delta.outputs.format,
            "output_bias": delta.output_bias is not None,
        }
        write_json(staging / "table.json", facts)


def open_overlay(base: EmbeddingTable, folder: Path) -> OverlayTable:
    """Return the delta in ``folder`` laid over ``base``, memory-mapped.

    Raises:
        BundleCorrupt: a file is missing, broken or does not fit ``base``.
        BundleMismatch: written by another format version.
    """
    facts = read_facts(folder / "table.json", "embedding delta")
    try:
        n_inputs, n_outputs = int(facts["n_input_rows"]), int(facts["n_output_rows"])
        input_format, output_format, biased = facts["input"], facts["output"], bool(facts["output_bias"])
    except (KeyError, TypeError, ValueError) as error:
        raise BundleCorrupt(f"{folder / 'table.json'} lacks or garbles {error}; restore it or train again") from error
    if {input_format, output_format} - set(ROW_FORMATS):
        raise BundleCorrupt(f"{folder / 'table.json'} names an unknown row format; restore it or train again")
    delta = DeltaTable(
        input_rows=open_array(folder / "input_rows.npy", (n_inputs,), ("int32",)),
        inputs=open_rows(folder, "input", (n_inputs, base.dimensions), input_format),
        output_rows=open_array(folder / "output_rows.npy", (n_outputs,), ("int32",)),
        outputs=open_rows(folder, "output", (n_outputs, base.dimensions), output_format),
        output_bias=open_array(folder / "output_bias.npy", (n_outputs,), ("float32",)) if biased else None,
        log_prior=open_array(folder / "log_prior.npy", (base.n_outputs,), ("float32",)),
    )
    try:
        return OverlayTable(base, delta)
    except DataError as error:
        raise BundleCorrupt(f"{folder}: {error}; restore it or train again") from error


def _moved(before: NDArray[np.float32], after: NDArray[np.floating[Any]], min_change: float) -> NDArray[np.int32]:
    """Return the rows, rising, that moved by more than ``min_change`` of their former length."""
    distance = np.linalg.norm(after - before, axis=1)
    return np.flatnonzero(distance > min_change * np.linalg.norm(before, axis=1)).astype(np.int32)


def _patched(
    base: NDArray[np.float32], rows: Rows, changed: NDArray[np.int32], delta: RowMatrix
) -> NDArray[np.float32]:
    """Return ``base`` with the rows that are among ``changed`` replaced."""
    if changed.size:
        at = np.minimum(np.searchsorted(changed, rows), changed.size - 1)
        replaced = np.flatnonzero(changed[at] == rows)
        base[replaced] = delta.take(at[replaced])
    return base
