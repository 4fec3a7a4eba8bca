"""How each hashtag is used besides with what: in posts with captions, and beside its own words in the caption."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.text.caption import STOP_WORDS, phrases
from embeddings.array_folder import open_array, staged_folder, write_array
from embeddings.cooccurrence import TokenisedPost

Counts = NDArray[np.uint32]

MIN_CAPTION_WORDS = 3
"""A post with fewer words has no caption worth the name."""


@dataclass(frozen=True, slots=True)
class TagHabits:
    """Counts a hashtag, (n_tags,) uint32 each.

    Attributes:
        captioned: posts with a caption that carry it; their sum is not the number of posts.
        said: captions that spell it out ("new york" for newyork).
        said_and_used: those of them whose post carries it as well.
        n_captioned: posts with a caption.
    """

    captioned: Counts
    said: Counts
    said_and_used: Counts
    n_captioned: int


def spelt_out(words: Sequence[str], tag_row: Mapping[str, int]) -> dict[int, tuple[int, int]]:
    """Return row -> (first place, number of words) for the hashtags that 1 to 4 words in a row spell out.

    Stop words alone spell nothing out: everybody says "me".
    """
    found: dict[int, tuple[int, int]] = {}
    for joined, start, n in phrases(words):
        row = tag_row.get(joined)
        if row is not None and (n > 1 or joined not in STOP_WORDS):
            found.setdefault(row, (start, n))
    return found


def count_habits(posts: Sequence[TokenisedPost], tags: Sequence[str]) -> TagHabits:
    """Return the habits of ``tags`` in ``posts``, whose ``words`` are in the order of the caption."""
    row_of = {tag: row for row, tag in enumerate(tags)}
    captioned, said, both = (np.zeros(len(tags), dtype=np.uint32) for _ in range(3))
    n_captioned = 0
    for post in posts:
        if len(post.words) < MIN_CAPTION_WORDS:
            continue
        n_captioned += 1
        used = {row_of[tag] for tag in post.hashtags if tag in row_of}
        captioned[list(used)] += 1
        for row in spelt_out(post.words, row_of):
            said[row] += 1
            both[row] += row in used
    return TagHabits(captioned, said, both, n_captioned)


def save_habits(habits: TagHabits, folder: Path) -> None:
    """Write ``habits`` as a folder, all or nothing.

    Raises:
        StorageError: the disk is full or the place cannot be written.
    """
    with staged_folder(folder) as staging:
        write_array(staging / "captioned.npy", habits.captioned)
        write_array(staging / "said.npy", habits.said)
        write_array(staging / "said_and_used.npy", habits.said_and_used)
        write_array(staging / "n_captioned.npy", np.array([habits.n_captioned], dtype=np.uint32))


def open_habits(folder: Path, n_tags: int) -> TagHabits:
    """Return the habits of ``n_tags`` hashtags in ``folder``.

    Raises:
        BundleCorrupt: a file is missing, broken or of another vocabulary.
    """
    parts = [
        open_array(folder / f"{name}.npy", (n_tags,), ("uint32",)) for name in ("captioned", "said", "said_and_used")
    ]
    n_captioned = open_array(folder / "n_captioned.npy", (1,), ("uint32",))
    return TagHabits(parts[0], parts[1], parts[2], int(n_captioned[0]))
