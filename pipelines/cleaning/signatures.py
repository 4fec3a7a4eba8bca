"""Signatures of captions: how similar two captions are can be estimated from them alone.

MinHash (Broder 1997, "On the resemblance and containment of documents") over the caption's shingles; of each of its
values the lowest eight bits are kept, as in b-bit minwise hashing (Li and König 2010), which costs a small constant
that :func:`similarities` takes off again. Bands of a signature (Leskovec, Rajaraman and Ullman, "Mining of Massive
Datasets", section 3.4) become keys that near captions share; how many bands of which width is datasketch's choice.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from functools import cache

import numpy as np
from datasketch import MinHash, MinHashLSH
from numpy.typing import NDArray

SHINGLE = 5
"""Characters in a shingle: a changed word of five letters changes ten of them."""
_SEED = 1


class Signer:
    """Makes the signatures of one similarity; not to be shared between threads."""

    def __init__(self, similarity: float, permutations: int) -> None:
        """Choose bands for captions of at least this Jaccard ``similarity``, found with ``permutations`` functions."""
        self.n_bands, self._rows = _bands(similarity, permutations)
        self._similarity = similarity
        self._hashes = MinHash(num_perm=permutations, seed=_SEED, hashfunc=zlib.crc32)

    def sign(self, words: Sequence[str]) -> tuple[NDArray[np.uint8], NDArray[np.uint64]]:
        """Return ((permutations,) uint8 signature, (n_bands,) uint64 keys, none of them 0) of a caption's words."""
        self._hashes.clear()
        self._hashes.update_batch(shingles(words))
        values = np.asarray(self._hashes.hashvalues)
        bands = values[: self.n_bands * self._rows].reshape(self.n_bands, self._rows)
        keys = [hash_key(band.tobytes()) for band in bands]
        return (values & 0xFF).astype(np.uint8), np.array(keys, dtype=np.uint64)

    def near(self, signature: NDArray[np.uint8], others: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Return (n,) bool: which of (n, permutations) signatures are as similar to ``signature`` as asked for."""
        return similarities(signature, others) >= self._similarity


@cache
def _bands(similarity: float, permutations: int) -> tuple[int, int]:
    """Return (bands, values in a band); finding them out takes a thousand integrals."""
    # Missing a copy is worse than comparing two captions for nothing: every candidate is compared again.
    chosen = MinHashLSH(threshold=similarity, num_perm=permutations, weights=(0.2, 0.8))
    return int(chosen.b), int(chosen.r)


def shingles(words: Sequence[str]) -> list[bytes]:
    """Return the different runs of ``SHINGLE`` characters of a caption's words, spaces and word ends among them."""
    text = f" {' '.join(words)} "
    starts = range(max(1, len(text) - SHINGLE + 1))
    if text.isascii():  # nearly all, and half the work
        content = text.encode()
        return list({content[at : at + SHINGLE] for at in starts})
    return [piece.encode() for piece in {text[at : at + SHINGLE] for at in starts}]


def similarities(signature: NDArray[np.uint8], others: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return (n,) estimates of the Jaccard similarity, at most 1, of a signature and (n, permutations) others."""
    equal = (others == signature).mean(axis=1)
    # Different values share their lowest eight bits once in 256 times.
    return np.asarray((equal - 1 / 256) / (1 - 1 / 256), dtype=np.float64)


def hash_key(content: bytes) -> int:
    """Return a hash of 64 bits that is never 0, for keys that are compared and not secret."""
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "little") or 1
