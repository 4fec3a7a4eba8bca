"""Vectors that others trained: GloVe text, word2vec text and binary, and int8 npz archives."""

from __future__ import annotations

import gzip
import io
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from core.errors import DataError, WeightsUnavailable

_MAX_WORD_BYTES = 4096

Entry = tuple[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class PretrainedVectors:
    """Words and their vectors as read.

    Attributes:
        words: all different.
        vectors: (n, d) float32, finite.
    """

    words: tuple[str, ...]
    vectors: NDArray[np.float32]
    _row_of: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Index the words."""
        object.__setattr__(self, "_row_of", {word: row for row, word in enumerate(self.words)})

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        return int(self.vectors.shape[1])

    def get(self, word: str) -> NDArray[np.float32] | None:
        """Return the (d,) vector of ``word``, or None."""
        row = self._row_of.get(word)
        return None if row is None else self.vectors[row]


def load_pretrained(path: Path, keep: Collection[str] | None = None) -> PretrainedVectors:
    """Return the vectors in ``path``, told apart by name and first line; memory is that of the words kept.

    ``.npz``: ``words`` (UTF-8 bytes, one word a line), ``vectors`` (n, d) and, for int8, ``scale`` (n,).
    ``.bin`` and ``.bin.gz``: word2vec binary. Anything else, ``.gz`` too: text, with word2vec's head line ``n d`` or
    without it as GloVe writes it. Of a word that stands twice the first is kept.

    Args:
        path: the file.
        keep: reads these words alone; None reads all.

    Raises:
        WeightsUnavailable: there is no such file.
        DataError: it is in none of these formats, broken, cut short, or holds none of the words.
    """
    if not path.is_file():
        raise WeightsUnavailable(f"there are no pretrained vectors at {path}; give the path of a file that exists")
    try:
        if path.suffix == ".npz":
            entries: Iterable[Entry] = _npz_entries(path, keep)
            return _collect(path, entries, keep)
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as raw:
            stream = io.BufferedReader(raw, 1 << 20)
            binary = path.name.removesuffix(".gz").endswith(".bin")
            return _collect(path, _binary_entries(stream) if binary else _text_entries(stream), keep)
    except (OSError, EOFError, ValueError, KeyError, BadZipFile) as error:
        raise DataError(f"{path} is broken or in another format than its name says: {error}") from error


def _collect(path: Path, entries: Iterable[Entry], keep: Collection[str] | None) -> PretrainedVectors:
    wanted = None if keep is None else frozenset(keep)
    rows: dict[str, NDArray[np.float32]] = {}
    for word, vector in entries:
        if word not in rows and (wanted is None or word in wanted):
            rows[word] = vector
    if not rows:
        raise DataError(f"{path} holds none of the words asked for")
    vectors = np.stack(list(rows.values()))
    if not np.isfinite(vectors).all():
        raise DataError(f"{path} holds NaN or infinity")
    return PretrainedVectors(tuple(rows), vectors)


def _npz_entries(path: Path, keep: Collection[str] | None) -> Iterator[Entry]:
    with np.load(path, allow_pickle=False) as archive:
        words = bytes(archive["words"]).decode("utf-8").split("\n")
        vectors = archive["vectors"]
        scales = archive["scale"] if "scale" in archive else np.ones(len(words), dtype=np.float32)
    if vectors.ndim != 2 or len(words) != vectors.shape[0] or scales.shape != (len(words),):
        raise ValueError(f"{len(words)} words, vectors {vectors.shape} and scales {scales.shape} do not fit together")
    wanted = None if keep is None else frozenset(keep)
    for row, word in enumerate(words):
        if wanted is None or word in wanted:
            yield word, (vectors[row] * scales[row]).astype(np.float32)


def _text_entries(stream: BinaryIO) -> Iterator[Entry]:
    dimensions = 0
    for number, line in enumerate(stream, start=1):
        text = line.decode("utf-8", errors="replace").rstrip()
        if not text:
            continue
        fields = text.split(" ")
        if number == 1 and len(fields) == 2 and fields[0].isdecimal() and fields[1].isdecimal():
            dimensions = int(fields[1])
            continue
        dimensions = dimensions or len(fields) - 1
        if dimensions < 1 or len(fields) <= dimensions:
            raise ValueError(f"line {number} does not hold a word and {dimensions} numbers")
        # Some GloVe words hold spaces themselves, so the numbers are counted from the end.
        word = " ".join(fields[:-dimensions])
        try:
            yield word, np.array(fields[-dimensions:], dtype=np.float32)
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from error


def _binary_entries(stream: BinaryIO) -> Iterator[Entry]:
    head = stream.readline(_MAX_WORD_BYTES).split()
    if len(head) != 2:
        raise ValueError("the first line does not give the numbers of words and dimensions")
    n_words, dimensions = int(head[0]), int(head[1])
    for _ in range(n_words):
        word = bytearray()
        while (byte := stream.read(1)) != b" ":
            if not byte or len(word) > _MAX_WORD_BYTES:
                raise ValueError(f"the file ends before its {n_words} words do")
            # Some writers put a line end after each vector, others do not.
            if byte != b"\n":
                word += byte
        data = stream.read(4 * dimensions)
        if len(data) != 4 * dimensions:
            raise ValueError(f"the file ends before its {n_words} words do")
        yield word.decode("utf-8", errors="replace"), np.frombuffer(data, dtype="<f4").astype(np.float32)
