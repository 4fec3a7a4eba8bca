"""What a classifier says about labelled pictures, through the very door that requests use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from core.errors import BadInput, DataError
from core.ports import ImageClassifier
from core.query import ImageEvidence
from models.labelled.topic_folder import LabelledPicture


def observe(
    classifier: ImageClassifier,
    pictures: Sequence[LabelledPicture],
    workers: int = 1,
    advance: Callable[[float], object] = lambda _: None,
) -> list[ImageEvidence]:
    """Return the evidence in each picture file, in order, decoded and prepared as a request's picture is.

    Raises:
        DataError: a file is not a readable picture; the message names it.
    """

    def of_one(picture: LabelledPicture) -> ImageEvidence:
        try:
            pixels = classifier.prepare(picture.path.read_bytes())
        except BadInput as error:
            raise DataError(f"{picture.path}: {error} Remove or replace the file.") from error
        evidence = classifier.evidence(pixels[None])[0]
        advance(1)
        return evidence

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(of_one, pictures))


def topic_probabilities(seen: Sequence[ImageEvidence]) -> NDArray[np.float32]:
    """Return (n, n_topics) calibrated probabilities of n pieces of evidence."""
    return np.stack([evidence.topics for evidence in seen])


def same_top_classes(first: Sequence[ImageEvidence], second: Sequence[ImageEvidence], k: int = 5) -> float:
    """Return the mean share, 0 to 1, of the ``k`` most probable ImageNet classes that two networks have in common."""
    shared = [
        len(set(a.class_ids[:k].tolist()) & set(b.class_ids[:k].tolist())) / k
        for a, b in zip(first, second, strict=True)
    ]
    return float(np.mean(shared))
