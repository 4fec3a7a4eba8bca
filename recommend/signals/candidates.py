"""Which hashtags are looked at closely: the best of each cheap signal."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommend.signals.text import TextSignals

Floats = NDArray[np.float32]

TEXT_QUOTAS: dict[str, int] = {
    "topics": 80,
    "context": 60,
    "seed_share": 60,
    "word_share": 50,
    "seed_lift": 30,
    "word_lift": 50,
    "pair_share_best": 30,
    "seed_spelling": 25,
    "word_spelling": 25,
}
"""How many of the best of each signal are taken; everything that the caption spells out is taken too."""


def text_candidates(signals: TextSignals) -> set[int]:
    """Return the rows that caption and seeds bring up."""
    chosen: set[int] = set(signals.said)
    for name, quota in TEXT_QUOTAS.items():
        column = signals.column(name)
        chosen.update(best_rows(column, quota, above=-np.inf if name in ("topics", "context") else 0.0))
    return chosen


def best_rows(scores: Floats, n: int, *, above: float = -np.inf) -> list[int]:
    """Return the rows of the ``n`` highest of ``scores`` (n_tags,) that are over ``above``, in no order.

    Ties at the end are broken by row, so that the same scores give the same rows.
    """
    n = min(n, len(scores))
    cut = np.partition(scores, len(scores) - n)[len(scores) - n] if n else np.inf
    over = np.flatnonzero(scores > max(cut, above))
    ties = np.flatnonzero(scores == cut)[: n - len(over)] if cut > above else over[:0]
    rows: list[int] = [*over.tolist(), *ties.tolist()]
    return rows
