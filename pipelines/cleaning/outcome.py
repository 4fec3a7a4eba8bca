"""What a cleaning found, as a person and the next step of a pipeline read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class CleanReport:
    """What became of a corpus.

    Attributes:
        n_read: lines that held anything; every one of them is kept or counted under a reason.
        n_kept: posts written.
        n_with_picture: posts written with their picture.
        dropped: name of a rule -> posts that it took out; a post is counted under one rule only.
        pictures_dropped: name of a rule -> pictures taken from posts that stayed.
        mended: what was changed in posts that stayed -> how often.
        folder: where the report, its figures and the samples lie.
        repeated: whether nothing had changed since an earlier run, whose report this is.
    """

    n_read: int
    n_kept: int
    n_with_picture: int
    dropped: Mapping[str, int]
    pictures_dropped: Mapping[str, int]
    mended: Mapping[str, int]
    folder: Path
    repeated: bool = False
