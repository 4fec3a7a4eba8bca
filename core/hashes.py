"""Hashes of content: of a file's bytes, and of names that are to be drawn from evenly."""

from __future__ import annotations

import hashlib
from pathlib import Path


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content in hex digits; raises OSError when it cannot be read."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def uniform_draw(*parts: str | int) -> float:
    """Return a number drawn evenly from 0 to 1 by what ``parts`` say: the same in every run and on every machine."""
    name = "\n".join(map(str, parts)).encode("utf-8", "replace")
    return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "big") / 2**64
