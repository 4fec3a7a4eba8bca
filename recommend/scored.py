"""Candidates of one query with their scores: what the ranker makes and the answer is drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommend.own_tags import NONE, OwnTags

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Scored:
    """Candidates of one query with their scores.

    Attributes:
        rows: (n,) hashtags, rising.
        scores: (n,) float32, finite.
        parts: (n, 4) float64 as ``ranker.PART_NAMES``, adding up to the scores, or None when they are computed later.
        table: (n, columns) the text ranker's input, empty without a text.
        workspace: (n,) float32 what feedback brought, part of the scores but not of ``parts``.
        own: what the workspace likes beside them.
        zero: what the scores gain, as they are told, by the number of inputs; it counts to popularity.
    """

    rows: NDArray[np.int64]
    scores: Floats
    parts: NDArray[np.float64] | None
    table: Floats
    workspace: Floats
    own: OwnTags = NONE
    zero: float = 0.0

    def named(self, tags: Sequence[str], places: NDArray[np.int64]) -> list[tuple[str, float]]:
        """Return (hashtag, score) of the candidates at ``places``; ``tags`` names the rows."""
        scores = self.scores[places].tolist()
        return [(tags[row], score) for row, score in zip(self.rows[places].tolist(), scores, strict=True)]
