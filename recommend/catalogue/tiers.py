"""Broad, mid and niche: three kinds of hashtags by how much of all use falls to them."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.query import Tier

TIERS: Final[tuple[Tier, Tier, Tier]] = ("broad", "mid", "niche")
"""What the numbers of ``tiers_of`` mean."""
BROAD_SHARE = 0.5
"""Share of all use that the broad hashtags carry together: the most used ones that make up the first half."""
NICHE_SHARE = 0.2
"""Share of all use left to the niche hashtags, the least used ones: few uses spread over most of the vocabulary."""


def tiers_of(posts: NDArray[np.int64]) -> NDArray[np.int8]:
    """Return (n_tags,) indices in ``TIERS`` of hashtags with so many ``posts`` (n_tags,), most first.

    Hashtags used equally often are in one tier, and the hashtag at a boundary belongs to the more used side.
    """
    if not posts.size:
        return np.zeros(0, dtype=np.int8)
    used = np.cumsum(posts)
    # The counts at the boundaries rather than their positions, so that hashtags with equal counts stay together.
    broad_from, mid_from = (
        posts[min(int(np.searchsorted(used, share * used[-1])), posts.size - 1)]
        for share in (BROAD_SHARE, 1.0 - NICHE_SHARE)
    )
    return np.where(posts >= broad_from, 0, np.where(posts >= mid_from, 1, 2)).astype(np.int8)


def percentiles_of(posts: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return (n_tags,) the share of the hashtags that are used less than each, 0 to below 1."""
    fewer = np.searchsorted(np.sort(posts), posts, side="left")
    return (fewer / max(1, posts.size)).astype(np.float32)
