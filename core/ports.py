"""What the rooms expect of each other, named by need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.query import ImageEvidence, Query
from core.suggestions import Answer


class ImageClassifier(Protocol):
    """Pictures in, topics and ImageNet classes out. Safe to call from several threads."""

    @property
    def topics(self) -> tuple[str, ...]:
        """Topic names in the order of ``ImageEvidence.topics``."""
        ...

    def prepare(self, data: bytes) -> NDArray[np.float32]:
        """Return one picture file, decoded and preprocessed, as (3, size, size) float32.

        Raises:
            UnsupportedImage: not JPEG, PNG, WebP, GIF, AVIF or BMP, judged by content.
            UndecodableImage: truncated or broken.
            ImageTooLarge: more than 50 megapixels, read from the header before decoding.
        """
        ...

    def evidence(self, batch: NDArray[np.float32]) -> list[ImageEvidence]:
        """Return what is seen in each of (n, 3, size, size) float32 prepared pictures; rows are independent."""
        ...


class Recommender(Protocol):
    """Queries in, answers out. Safe to call from several threads; a batch answers as each query alone would."""

    def recommend(self, queries: Sequence[Query]) -> list[Answer]:
        """Return one answer a query, in order.

        Raises:
            NothingToGoOn: a query has no picture, no word and no seed.
            InvalidOption: an option names an unknown topic or contradicts another.
        """
        ...
