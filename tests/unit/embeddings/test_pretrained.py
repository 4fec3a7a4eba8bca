"""Vectors of others: every format reads the same, and broken files say where."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from core.errors import DataError, WeightsUnavailable
from embeddings.pretrained import load_pretrained

WORDS = ("dog", "new york", "köln")
VECTORS = np.array([[1.0, -2.5], [0.25, 3.0], [0.0, -1.0]], dtype=np.float32)


def text_lines() -> str:
    """Return the three words as GloVe writes them."""
    return "".join(f"{word} {a} {b}\n" for word, (a, b) in zip(WORDS, VECTORS.tolist(), strict=True))


def write(folder: Path, form: str) -> Path:
    """Write the three words in one of the formats."""
    path = folder / {"npz": "v.npz", "binary": "v.bin", "binary_lines": "v.bin.gz", "gzip": "v.txt.gz"}.get(
        form, "v.txt"
    )
    if form == "npz":
        scale = np.abs(VECTORS).max(axis=1) / 127
        stored = np.rint(VECTORS / scale[:, None]).astype(np.int8)
        packed = np.frombuffer("\n".join(WORDS).encode(), dtype=np.uint8)
        np.savez(path, words=packed, vectors=stored, scale=scale.astype(np.float32))
    elif form in {"binary", "binary_lines"}:
        end = b"\n" if form == "binary_lines" else b""
        data = b"3 2\n" + b"".join(
            word.replace(" ", "_").encode() + b" " + row.tobytes() + end
            for word, row in zip(WORDS, VECTORS, strict=True)
        )
        path.write_bytes(gzip.compress(data) if form == "binary_lines" else data)
    else:
        text = ("3 2\n" if form == "word2vec" else "") + text_lines()
        path.write_bytes(gzip.compress(text.encode()) if form == "gzip" else text.encode())
    return path


@pytest.mark.parametrize("form", ["glove", "word2vec", "gzip", "npz", "binary", "binary_lines"])
def test_every_format_reads_the_same_vectors(tmp_path: Path, form: str) -> None:
    """Words with spaces and of any script included."""
    found = load_pretrained(write(tmp_path, form))
    assert tuple(word.replace("_", " ") for word in found.words) == WORDS
    assert found.dimensions == 2
    np.testing.assert_allclose(found.vectors, VECTORS, atol=0.02 if form == "npz" else 0)


@pytest.mark.parametrize("form", ["glove", "npz", "binary"])
def test_only_the_words_asked_for_are_kept(tmp_path: Path, form: str) -> None:
    """A large file costs the memory of the words wanted."""
    found = load_pretrained(write(tmp_path, form), keep=["köln", "absent"])
    assert found.words == ("köln",)
    assert found.get("absent") is None
    vector = found.get("köln")
    assert vector is not None
    np.testing.assert_allclose(vector, VECTORS[2], atol=0.02)


def test_the_first_of_two_equal_words_is_kept(tmp_path: Path) -> None:
    """Some published files repeat words."""
    path = tmp_path / "v.txt"
    path.write_text("a 1 2\na 3 4\n")
    assert load_pretrained(path).vectors.tolist() == [[1.0, 2.0]]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("v.txt", b"a 1 2\nb 1\n", "line 2"),
        ("v.txt", b"a 1 2\nb 1 x\n", "line 2"),
        ("v.txt", b"", "none of the words"),
        ("v.txt", b"a 1 nan\n", "NaN"),
        ("v.bin", b"3 2\na " + bytes(8), "ends before"),
        ("v.bin", b"3 2\na " + bytes(3), "ends before"),
        ("v.bin", b"hello\n", "first line"),
        ("v.npz", b"PK\x03\x04 no archive", "broken"),
        ("v.txt.gz", b"not gzip", "broken"),
    ],
)
def test_broken_files_say_what_is_wrong(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    """The path, the place and the trouble stand in the error."""
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        load_pretrained(path)
    assert name in str(caught.value)


def test_a_missing_file_is_told_apart_from_a_broken_one(tmp_path: Path) -> None:
    """Nothing there is a matter of the path given."""
    with pytest.raises(WeightsUnavailable, match="no pretrained vectors"):
        load_pretrained(tmp_path / "absent.txt")
