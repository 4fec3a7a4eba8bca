"""What every ``ImageClassifier`` keeps, whatever runs it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from core.errors import UndecodableImage, UnsupportedImage
from core.ports import ImageClassifier
from models.classifier.runtimes import RUNTIMES, open_classifier
from tests.support.fakes import FakeClassifier

RUNTIME_NAMES = [runtime.name for runtime in RUNTIMES]


@pytest.fixture(params=["fake", *RUNTIME_NAMES])
def classifier(request: pytest.FixtureRequest, tmp_path: Path) -> ImageClassifier:
    """Each implementation in turn."""
    if request.param == "fake":
        return FakeClassifier()
    for package in next(runtime for runtime in RUNTIMES if runtime.name == request.param).needs:
        pytest.importorskip(package)
    pytest.importorskip("onnx")
    from tests.support.tiny_classifier import write_tiny_classifier

    return open_classifier(write_tiny_classifier(tmp_path), request.param, threads=1)


def photograph(seed: int) -> bytes:
    """Return something smooth in colour."""
    cells = np.random.default_rng(seed).integers(0, 256, (5, 5, 3)).astype(np.uint8)
    buffer = BytesIO()
    Image.fromarray(cells).resize((60, 40)).save(buffer, "JPEG")
    return buffer.getvalue()


def batch_of(classifier: ImageClassifier, n: int) -> NDArray[np.float32]:
    """Return n prepared pictures."""
    return np.stack([classifier.prepare(photograph(seed)) for seed in range(n)])


class TestImageClassifier:
    def test_a_prepared_picture_is_a_square_of_three_channels(self, classifier: ImageClassifier) -> None:
        """Shape and type are those that evidence takes, and equal bytes give equal numbers."""
        pixels = classifier.prepare(photograph(0))
        assert pixels.dtype == np.float32
        assert pixels.shape[0] == 3
        assert pixels.shape[1] == pixels.shape[2]
        assert np.array_equal(pixels, classifier.prepare(photograph(0)))

    def test_topics_are_probabilities_in_the_order_of_the_names(self, classifier: ImageClassifier) -> None:
        """One number a topic, none negative, together 1."""
        for seen in classifier.evidence(batch_of(classifier, 3)):
            assert seen.topics.shape == (len(classifier.topics),)
            assert seen.topics.dtype == np.float32
            assert (seen.topics >= 0).all()
            assert seen.topics.sum() == pytest.approx(1, abs=1e-5)

    def test_classes_come_most_probable_first(self, classifier: ImageClassifier) -> None:
        """Class numbers do not repeat and their probabilities fall."""
        for seen in classifier.evidence(batch_of(classifier, 3)):
            assert len(seen.class_ids) == len(seen.class_probabilities) == len(set(seen.class_ids.tolist()))
            assert seen.class_ids.dtype == np.int32
            assert (np.diff(seen.class_probabilities) <= 0).all()
            assert 0 <= seen.class_probabilities.sum() <= 1 + 1e-5

    def test_a_batch_says_what_each_picture_alone_would(self, classifier: ImageClassifier) -> None:
        """No row depends on another, in any batch size."""
        batch = batch_of(classifier, 11)
        together = classifier.evidence(batch)
        assert len(together) == 11
        for row, seen in zip(batch, together, strict=True):
            alone = classifier.evidence(row[None])[0]
            assert np.abs(alone.topics - seen.topics).max() < 1e-5
            assert np.abs(alone.class_probabilities - seen.class_probabilities).max() < 1e-5

    def test_no_pictures_give_no_evidence(self, classifier: ImageClassifier) -> None:
        """An empty batch is an empty answer."""
        assert classifier.evidence(batch_of(classifier, 1)[:0]) == []

    def test_threads_do_not_disturb_each_other(self, classifier: ImageClassifier) -> None:
        """Many at once get what each got alone."""
        batch = batch_of(classifier, 8)
        alone = [classifier.evidence(row[None])[0].topics for row in batch]
        with ThreadPoolExecutor(4) as pool:
            at_once = list(pool.map(lambda row: classifier.evidence(row[None])[0].topics, [*batch] * 3))
        assert all(np.abs(a - b).max() < 1e-6 for a, b in zip(alone * 3, at_once, strict=True))

    def test_what_is_no_picture_is_refused(self, classifier: ImageClassifier) -> None:
        """Unknown content and half a picture are two different errors."""
        with pytest.raises(UnsupportedImage):
            classifier.prepare(b"#!/bin/sh")
        with pytest.raises(UndecodableImage):
            classifier.prepare(photograph(0)[:300])
