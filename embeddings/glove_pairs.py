"""Co-occurrence weights for GloVe, counted in bounded memory and kept on disk in a fixed random order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.atomic import storage_errors
from core.errors import DataError

CHUNK_PAIRS = 4_000_000
_BLOCK_PAIRS = 1 << 16

# A bijection of 64-bit numbers: sorting by it brings equal pairs together and shuffles the rest, so that one sort
# serves both the summing and the random order that stochastic descent needs.
_FACTORS = (0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93)
_INVERSES = tuple(pow(factor, -1, 1 << 64) for factor in _FACTORS)

Keys = NDArray[np.uint64]
Weights = NDArray[np.float32]
_PAIR = np.dtype([("row", "<i4"), ("column", "<i4"), ("weight", "<f4")])


@dataclass(frozen=True, slots=True)
class PairFile:
    """Distinct ordered pairs on disk, (i, j) and (j, i) both, in a random but fixed order.

    Attributes:
        path: raw records of 12 bytes: row int32, column int32, weight float32.
        n_words: rows and columns are below this.
        n_pairs: records.
    """

    path: Path
    n_words: int
    n_pairs: int

    def read(self, start: int, stop: int) -> tuple[NDArray[np.int32], NDArray[np.int32], Weights]:
        """Return the rows, columns and weights of the records ``start`` to ``stop``."""
        records = np.fromfile(self.path, dtype=_PAIR, count=stop - start, offset=start * _PAIR.itemsize)
        return records["row"].copy(), records["column"].copy(), records["weight"].copy()


def count_pairs(
    posts: Iterable[Sequence[int]],
    n_words: int,
    path: Path,
    *,
    window: int | None,
    min_weight: float = 0.0,
    chunk_pairs: int = CHUNK_PAIRS,
) -> PairFile:
    """Write the co-occurrence weights of ``posts`` to ``path``.

    Peak memory is about 48 bytes times ``chunk_pairs`` (keys, weights and their sorted copies), whatever the corpus;
    disk is 12 bytes a pair and chunk it occurs in, and 12 bytes a distinct pair.

    Args:
        posts: word numbers of each post in order of use; a word does not co-occur with itself.
        n_words: size of the vocabulary.
        path: the file to write; its folder takes the runs for a while.
        window: pairs up to this distance count 1 / distance, as published; None counts every pair of a post once.
        min_weight: pairs whose whole weight is below this are left out; rare pairs are most of the file and, by
            GloVe's weighting, little of the loss.
        chunk_pairs: pairs kept in memory before they are sorted and written.

    Raises:
        DataError: no post has two different words.
        StorageError: the disk is full or the place cannot be written.
    """
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=path.parent, prefix=".pairs") as folder:
            runs = _write_runs(posts, n_words, Path(folder), window, chunk_pairs)
            if not runs:
                raise DataError("no post has two words of the vocabulary: collect more posts")
            aside = Path(folder) / "merged"
            n_pairs = 0
            with aside.open("wb") as file:
                for keys, weights in _merge(runs, max(_BLOCK_PAIRS // len(runs), 1024)):
                    kept = weights >= min_weight
                    records = np.empty(int(kept.sum()), dtype=_PAIR)
                    records["row"], records["column"] = _unpack(keys[kept], n_words)
                    records["weight"] = weights[kept]
                    file.write(records.tobytes())
                    n_pairs += len(records)
            if not n_pairs:
                raise DataError(f"no two words stand together with a weight of {min_weight}: collect more posts")
            aside.replace(path)
    return PairFile(path, n_words, n_pairs)


def _write_runs(
    posts: Iterable[Sequence[int]], n_words: int, folder: Path, window: int | None, chunk_pairs: int
) -> list[Path]:
    """Write sorted, summed runs of at most ``chunk_pairs`` pairs and return their files."""
    runs: list[Path] = []
    keys: list[Keys] = []
    weights: list[Weights] = []
    held = 0

    def flush() -> None:
        nonlocal held
        if held:
            run = folder / f"run{len(runs)}"
            run_keys, run_weights = _summed(np.concatenate(keys), np.concatenate(weights))
            run_keys.tofile(run.with_suffix(".keys"))
            run_weights.tofile(run.with_suffix(".weights"))
            runs.append(run)
            keys.clear()
            weights.clear()
            held = 0

    for post in posts:
        rows, columns, values = _pairs_of(np.asarray(post, dtype=np.int64), window)
        if rows.size:
            keys.append(_mix(np.concatenate([rows * n_words + columns, columns * n_words + rows]).astype(np.uint64)))
            weights.append(np.concatenate([values, values]))
            held += 2 * rows.size
            if held >= chunk_pairs:
                flush()
    flush()
    return runs


def _pairs_of(post: NDArray[np.int64], window: int | None) -> tuple[NDArray[np.int64], NDArray[np.int64], Weights]:
    """Return each pair of different words of a post once: the earlier ones, the later ones, and their weights.

    The weight is 1 / distance in a window and 1 without.
    """
    earlier, later = np.triu_indices(post.shape[0], k=1)
    distance = later - earlier
    keep = post[earlier] != post[later]
    if window is not None:
        keep &= distance <= window
    values = np.ones(distance.shape, dtype=np.float64) if window is None else 1.0 / distance
    return post[earlier[keep]], post[later[keep]], values[keep].astype(np.float32)


def _summed(keys: Keys, weights: Weights) -> tuple[Keys, Weights]:
    """Return the different keys, rising, each with the sum of its weights."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    return ordered[starts], np.add.reduceat(weights[order].astype(np.float64), starts).astype(np.float32)


def _merge(runs: Sequence[Path], block: int) -> Iterator[tuple[Keys, Weights]]:
    """Yield all runs merged, rising and summed, holding about ``block`` pairs of each run at a time."""
    key_maps = [np.memmap(run.with_suffix(".keys"), dtype=np.uint64, mode="r") for run in runs]
    weight_maps = [np.memmap(run.with_suffix(".weights"), dtype=np.float32, mode="r") for run in runs]
    positions = [0] * len(runs)
    while any(position < len(keys) for position, keys in zip(positions, key_maps, strict=True)):
        # No run has a key up to this one beyond its block, so what is below can be summed for good.
        bound = min(
            keys[min(position + block, len(keys)) - 1]
            for position, keys in zip(positions, key_maps, strict=True)
            if position < len(keys)
        )
        parts: list[tuple[Any, Any]] = []
        for number, (keys, values) in enumerate(zip(key_maps, weight_maps, strict=True)):
            start = positions[number]
            end = start + int(np.searchsorted(keys[start : start + block], bound, side="right"))
            parts.append((keys[start:end], values[start:end]))
            positions[number] = end
        yield _summed(np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts]))


def _mix(keys: Keys) -> Keys:
    """Return a one-to-one scrambling of 64-bit keys."""
    mixed = keys * np.uint64(_FACTORS[0])
    mixed ^= mixed >> np.uint64(32)
    return mixed * np.uint64(_FACTORS[1])


def _unpack(mixed: Keys, n_words: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the rows and columns that ``_mix`` scrambled."""
    keys = mixed * np.uint64(_INVERSES[1])
    keys ^= keys >> np.uint64(32)
    keys *= np.uint64(_INVERSES[0])
    return (keys // np.uint64(n_words)).astype(np.int32), (keys % np.uint64(n_words)).astype(np.int32)
