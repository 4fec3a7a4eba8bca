"""The numbers of growing; ``default.toml`` holds their values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from core.errors import DataError

OutlierMethod = Literal["confidence", "centroid", "kmeans"]


@dataclass(frozen=True, slots=True)
class GrowConfig:
    """How a collected corpus becomes a data folder.

    Attributes:
        multimodal_share: share of the groups of posts with pictures that are held out for ``multimodal``, 0 to 1.
        multimodal_groups: groups of authors that ``multimodal`` is parted into, to leave one out at a time.
        min_multimodal: fewest posts with pictures that are worth holding out; with fewer, none is.
        min_train_pictures: fewest training pictures of a topic; topics with fewer are left out.
        min_val_pictures: fewest pictures of a topic to choose by.
        outliers: how training pictures of something else are told.
    """

    multimodal_share: float
    multimodal_groups: int
    min_multimodal: int
    min_train_pictures: int
    min_val_pictures: int
    outliers: OutlierMethod

    def __post_init__(self) -> None:
        """Refuse numbers that leave nothing to learn from.

        Raises:
            DataError: a share is not below 1, or a topic could be without pictures.
        """
        if not 0 <= self.multimodal_share < 1 or self.multimodal_groups < 2:
            raise DataError("grow wants a multimodal_share from 0 to below 1 and two multimodal_groups or more")
        if self.min_train_pictures < 10 or self.min_val_pictures < 1:
            raise DataError("grow wants min_train_pictures of 10 or more and min_val_pictures of 1 or more")
