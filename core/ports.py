"""What the rooms expect of each other, named by need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.images import SurveyedPicture
from core.query import ImageEvidence, Query
from core.suggestions import Answer


class ImageClassifier(Protocol):
    """Pictures in, topics and ImageNet classes out. Safe to call from several threads."""

    @property
    def topics(self) -> tuple[str, ...]:
        """Topic names in the order of ``ImageEvidence.topics``."""
        ...

    def survey(self, data: bytes) -> SurveyedPicture:
        """Return what one picture file holds and what it will cost to prepare it; nothing is decoded.

        Raises:
            UnsupportedImage: not JPEG, PNG, WebP, GIF, AVIF or BMP, judged by content.
            UndecodableImage: truncated or broken, or with too many parts.
            ImageTooLarge: more than 50 megapixels, or more than its kind can be decoded from.
        """
        ...

    def prepare(self, picture: bytes | SurveyedPicture) -> NDArray[np.float32]:
        """Return one picture, a file or what ``survey`` said of it, decoded, as (3, size, size) float32.

        Raises:
            UnsupportedImage, ImageTooLarge: as ``survey`` says.
            UndecodableImage: truncated or broken.
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
