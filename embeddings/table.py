"""Embedding tables: words, input and output vectors and a log prior, read-only and memory-mapped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from core.errors import BundleCorrupt, BundleMismatch, DataError
from embeddings.array_folder import open_array, open_json, open_words, staged_folder, write_array, write_json
from embeddings.rows import RowFormat, RowMatrix, open_rows, quantise

FORMAT_VERSION = 1
ROW_FORMATS = ("int8", "float16", "float32")


class WordVectors(Protocol):
    """What scoring needs of a table, be it whole or an overlay on another.

    The first ``n_outputs`` words are those that can be predicted (the hashtags); every word can stand in a context.
    """

    @property
    def words(self) -> tuple[str, ...]:
        """All words; a row's number is its word's place here."""
        ...

    @property
    def n_outputs(self) -> int:
        """How many words, from the first on, have an output vector or a prior."""
        ...

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        ...

    @property
    def log_prior(self) -> NDArray[np.float32]:
        """(n_outputs,) natural logarithm of each word's share of all uses."""
        ...

    @property
    def output_bias(self) -> NDArray[np.float32] | None:
        """(n_outputs,) added to every output score, or None."""
        ...

    @property
    def has_outputs(self) -> bool:
        """Whether there are output vectors (a KeyedVectors export has none)."""
        ...

    def ids(self, words: Iterable[str]) -> NDArray[np.int64]:
        """Return the row numbers of the words that are known, in order."""
        ...

    def take_input(self, rows: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
        """Return (len(rows), dimensions) float32 input vectors."""
        ...

    def dense_output(self) -> NDArray[np.float32]:
        """Return all output vectors, (n_outputs, dimensions) float32."""
        ...


@dataclass(frozen=True, slots=True)
class EmbeddingTable:
    """A whole table. Safe to share between threads.

    Attributes:
        words: all words, hashtags (those that can be predicted) first.
        inputs: (n, d) context vectors.
        outputs: (n_outputs, d) vectors of the predicted side, or None when they were thrown away.
        output_bias: (n_outputs,) float32 or None.
        log_prior: (n_outputs,) float32, natural logarithm of each hashtag's share of all uses.
    """

    words: tuple[str, ...]
    inputs: RowMatrix
    outputs: RowMatrix | None
    output_bias: NDArray[np.float32] | None
    log_prior: NDArray[np.float32]
    _row_of: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check that the parts belong together."""
        object.__setattr__(self, "_row_of", {word: row for row, word in enumerate(self.words)})
        n_words, dimensions = self.inputs.shape
        if len(self._row_of) != len(self.words):
            raise DataError("a table holds a word twice")
        if n_words != len(self.words) or self.n_outputs > n_words or self.log_prior.ndim != 1:
            sizes = f"{len(self.words)} words, {n_words} input rows, {self.n_outputs} priors"
            raise DataError(f"{sizes} do not fit together")
        if self.outputs is not None and self.outputs.shape != (self.n_outputs, dimensions):
            wanted = [self.n_outputs, dimensions]
            raise DataError(f"output vectors of shape {list(self.outputs.shape)} where {wanted} was expected")
        if self.output_bias is not None and self.output_bias.shape != (self.n_outputs,):
            raise DataError(f"{self.output_bias.shape} output biases do not fit {self.n_outputs} words")
        for name, values in (("log_prior", self.log_prior), ("output_bias", self.output_bias)):
            if values is not None and not np.isfinite(values).all():
                raise DataError(f"{name} holds NaN or infinity")

    @property
    def n_outputs(self) -> int:
        """How many words, from the first on, can be predicted."""
        return int(self.log_prior.shape[0])

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        return int(self.inputs.shape[1])

    @property
    def has_outputs(self) -> bool:
        """Whether there are output vectors."""
        return self.outputs is not None

    def __contains__(self, word: object) -> bool:
        """Whether ``word`` has a row."""
        return word in self._row_of

    def row(self, word: str) -> int | None:
        """Return the row number of ``word``, or None."""
        return self._row_of.get(word)

    def ids(self, words: Iterable[str]) -> NDArray[np.int64]:
        """Return the row numbers of the words that are known, in order."""
        found = (self._row_of.get(word) for word in words)
        return np.array([row for row in found if row is not None], dtype=np.int64)

    def take_input(self, rows: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
        """Return (len(rows), d) float32 input vectors."""
        return self.inputs.take(rows)

    def take_output(self, rows: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
        """Return (len(rows), d) float32 output vectors.

        Raises:
            DataError: the table has none.
        """
        return self._outputs().take(rows)

    def dense_input(self) -> NDArray[np.float32]:
        """Return all input vectors, (n, d) float32."""
        return self.inputs.dense()

    def dense_output(self) -> NDArray[np.float32]:
        """Return all output vectors, (n_outputs, d) float32.

        Raises:
            DataError: the table has none.
        """
        return self._outputs().dense()

    def _outputs(self) -> RowMatrix:
        if self.outputs is None:
            raise DataError("this table has no output vectors: train it with them, a KeyedVectors export drops them")
        return self.outputs


def build_table(
    words: Sequence[str],
    inputs: NDArray[np.floating[Any]],
    outputs: NDArray[np.floating[Any]] | None,
    log_prior: NDArray[np.floating[Any]],
    *,
    output_bias: NDArray[np.floating[Any]] | None = None,
    row_format: RowFormat = "float32",
) -> EmbeddingTable:
    """Return a table of dense arrays, rows stored as ``row_format``.

    Raises:
        DataError: shapes do not fit together, a word stands twice, or a value is not finite.
    """
    return EmbeddingTable(
        words=tuple(words),
        inputs=quantise(inputs, row_format),
        outputs=None if outputs is None else quantise(outputs, row_format),
        output_bias=None if output_bias is None else output_bias.astype(np.float32),
        log_prior=log_prior.astype(np.float32),
    )


def log_prior_of(uses: NDArray[Any]) -> NDArray[np.float32]:
    """Return the natural logarithm of each word's share of ``uses`` (n,); an unused word counts as half a use."""
    smoothed = np.maximum(np.asarray(uses, dtype=np.float64), 0.5)
    log_prior: NDArray[np.float32] = np.log(smoothed / smoothed.sum()).astype(np.float32)
    return log_prior


def save_table(table: EmbeddingTable, folder: Path, *, row_format: RowFormat | None = None) -> None:
    """Write ``table`` as a folder, all or nothing.

    Args:
        table: what to write.
        folder: takes the place of a folder of that name.
        row_format: stores the rows anew in this format; None keeps the table's own.

    Raises:
        StorageError: the disk is full or the place cannot be written.
    """
    inputs, outputs = table.inputs, table.outputs
    if row_format is not None:
        inputs = quantise(inputs.dense(), row_format)
        outputs = None if outputs is None else quantise(outputs.dense(), row_format)
    with staged_folder(folder) as staging:
        write_json(staging / "words.json", list(table.words))
        inputs.save(staging, "input")
        if outputs is not None:
            outputs.save(staging, "output")
        if table.output_bias is not None:
            write_array(staging / "output_bias.npy", table.output_bias)
        write_array(staging / "log_prior.npy", table.log_prior)
        facts = {
            "format_version": FORMAT_VERSION,
            "kind": "embedding table",
            "n_words": len(table.words),
            "n_outputs": table.n_outputs,
            "dimensions": table.dimensions,
            "input": inputs.format,
            "output": None if outputs is None else outputs.format,
            "output_bias": table.output_bias is not None,
        }
        write_json(staging / "table.json", facts)


def open_table(folder: Path) -> EmbeddingTable:
    """Return the table in ``folder``; its matrices stay on disk and are mapped.

    Raises:
        BundleCorrupt: a file is missing, broken or does not fit the others.
        BundleMismatch: written by another format version.
    """
    facts = read_facts(folder / "table.json", "embedding table")
    words = open_words(folder / "words.json")
    try:
        n_words, n_outputs, dimensions = (int(facts[key]) for key in ("n_words", "n_outputs", "dimensions"))
        input_format, output_format, biased = facts["input"], facts["output"], bool(facts["output_bias"])
    except (KeyError, TypeError, ValueError) as error:
        raise BundleCorrupt(f"{folder / 'table.json'} lacks or garbles {error}; restore it or train again") from error
    if {input_format, output_format} - {*ROW_FORMATS, None} or input_format is None or len(words) != n_words:
        raise BundleCorrupt(f"{folder / 'table.json'} does not describe the files beside it; restore it or train again")
    outputs = None if output_format is None else open_rows(folder, "output", (n_outputs, dimensions), output_format)
    try:
        return EmbeddingTable(
            words=words,
            inputs=open_rows(folder, "input", (n_words, dimensions), input_format),
            outputs=outputs,
            output_bias=open_array(folder / "output_bias.npy", (n_outputs,), ("float32",)) if biased else None,
            log_prior=open_array(folder / "log_prior.npy", (n_outputs,), ("float32",)),
        )
    except DataError as error:
        raise BundleCorrupt(f"{folder}: {error}; restore it or train again") from error


def read_facts(path: Path, kind: str) -> dict[str, Any]:
    """Return the description in ``path``.

    Raises:
        BundleCorrupt: missing, not JSON, or of another kind of folder.
        BundleMismatch: written by another format version.
    """
    facts = open_json(path)
    if not isinstance(facts, dict) or facts.get("kind") != kind:
        raise BundleCorrupt(f"{path} does not describe a {kind}; restore it or train again")
    if facts.get("format_version") != FORMAT_VERSION:
        raise BundleMismatch(
            f"{path} has format version {facts.get('format_version')}, this program reads {FORMAT_VERSION}; train again"
        )
    return facts
