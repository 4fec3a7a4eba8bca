"""Deals pictures into groups of whole sources, to learn what happens on photographers that were not seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.labelled.topic_folder import LabelledPicture


def group_by_source(pictures: Sequence[LabelledPicture], n_groups: int) -> NDArray[np.int64]:
    """Return (n,) group numbers 0 to ``n_groups`` - 1; a source is never divided and groups are about equally large."""
    counts: dict[str, int] = {}
    for picture in pictures:
        counts[picture.source] = counts.get(picture.source, 0) + 1
    sizes = [0] * n_groups
    group_of: dict[str, int] = {}
    for source in sorted(counts, key=lambda name: (-counts[name], name)):
        smallest = sizes.index(min(sizes))
        group_of[source] = smallest
        sizes[smallest] += counts[source]
    return np.array([group_of[picture.source] for picture in pictures], dtype=np.int64)


def source_weights(pictures: Sequence[LabelledPicture], balance: float) -> NDArray[np.float32]:
    """Return (n,) weights of mean 1: a picture counts as the size of its source to the power ``-balance``."""
    counts: dict[str, int] = {}
    for picture in pictures:
        counts[picture.source] = counts.get(picture.source, 0) + 1
    weights = np.array([counts[picture.source] ** -balance for picture in pictures])
    return np.asarray(weights / weights.mean(), dtype=np.float32)


def learnable_elsewhere(labels: NDArray[np.float32], groups: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return (n,) whether all topics of a picture are shown in other groups too.

    Leaving out the only photographer of a topic tests nothing: the topic itself is then unknown.

    Args:
        labels: (n, n_topics) 0 and 1.
        groups: (n,) group of each picture.
    """
    is_learnable = np.zeros(len(labels), dtype=bool)
    for group in np.unique(groups):
        held = groups == group
        shown = (labels[~held] > 0).any(axis=0)
        is_learnable[held] = ~((labels[held] > 0) & ~shown).any(axis=1)
    return is_learnable
