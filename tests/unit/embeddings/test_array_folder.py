"""Arrays of a bundle: what a file announces is compared with what it holds before anything is made room for."""

from __future__ import annotations

import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from core.errors import BundleCorrupt
from embeddings.array_folder import open_array, write_array


def npy(head: str, content: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    """Return a file with a head of its own."""
    padded = head.ljust(117) + "\n"
    return b"\x93NUMPY" + version + struct.pack("<H", len(padded)) + padded.encode("latin1") + content


def head_of(shape: object, descr: str = "'<f4'") -> str:
    """Return a head as NumPy writes it."""
    return f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}"


def test_arrays_come_back_as_they_were(tmp_path: Path) -> None:
    """Small ones read, large ones mapped, and an empty one too."""
    for size in (0, 3, 100_000):
        array = np.arange(size, dtype=np.float32)
        write_array(tmp_path / "a.npy", array)
        assert open_array(tmp_path / "a.npy", (size,), ("float32",)).tolist() == array.tolist()


@pytest.mark.parametrize(
    ("content", "shape"),
    [
        (npy(head_of((2**40,)), b"\0" * 8), (2**40,)),
        (npy(head_of((2**40, 2**40)), b"\0" * 8), (2**40, 2**40)),
        (npy(head_of((2,)), b"\0" * 4), (2,)),
        (npy(head_of((2,)), b"\0" * 12), (2,)),
        (npy(head_of((5000,)), b"\0" * 19_996), (5000,)),
        (npy(head_of((-2,)), b"\0" * 8), (-2,)),
        (npy(head_of((2,), "'>f4'"), b"\0" * 8), (2,)),
        (npy(head_of((1,), "'|O'"), b"cos\nsystem\n"), (1,)),
        (npy(head_of((2,), "[('a', '<f4')]"), b"\0" * 8), (2,)),
        (npy(head_of("(2,) * 10**9"), b"\0" * 8), (2,)),
        (npy("[" * 110), (2,)),
        (npy(head_of((2,)), b"\0" * 8, b"\x07\x00"), (2,)),
        (b"PK\x03\x04", (2,)),
        (b"", (2,)),
    ],
)
def test_a_file_that_lies_is_refused_before_there_is_room_for_it(
    tmp_path: Path, content: bytes, shape: tuple[int, ...]
) -> None:
    """Even where whoever asks for the array believes the same shape."""
    (tmp_path / "a.npy").write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(BundleCorrupt, match="restore it or train again|was expected"):
            open_array(tmp_path / "a.npy", shape, ("float32",))
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()
