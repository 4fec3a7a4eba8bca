"""ONNX Runtime, OpenVINO and torch run the same file to the same answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.classifier.files import read_facts
from models.classifier.runtimes import open_classifier

pytest.importorskip("onnx")
from tests.support.tiny_classifier import SIDE, write_tiny_classifier

MOST_DIFFERENCE = 1e-4
"""Largest difference of any probability, for float32 files."""


@pytest.mark.parametrize("runtime", ["openvino", "torch"])
def test_probabilities_agree_with_onnx_runtime(runtime: str, tmp_path: Path) -> None:
    """Topics, ImageNet classes and energy differ by rounding alone."""
    pytest.importorskip(runtime)
    folder = write_tiny_classifier(tmp_path)
    pixels = np.random.default_rng(1).normal(size=(9, 3, SIDE, SIDE)).astype(np.float32)
    expected = open_classifier(folder, "onnx", threads=1).evidence(pixels)
    for seen, wanted in zip(open_classifier(folder, runtime, threads=1).evidence(pixels), expected, strict=True):
        assert np.abs(seen.topics - wanted.topics).max() < MOST_DIFFERENCE
        assert np.abs(seen.class_probabilities - wanted.class_probabilities).max() < MOST_DIFFERENCE
        assert seen.energy == pytest.approx(wanted.energy, abs=1e-3)


def test_every_runtime_reads_the_same_facts(tmp_path: Path) -> None:
    """Topic names come from the folder, not from the runtime."""
    folder = write_tiny_classifier(tmp_path)
    assert open_classifier(folder).topics == read_facts(folder).topics
