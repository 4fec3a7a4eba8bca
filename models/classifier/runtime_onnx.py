"""Runs the classifier with ONNX Runtime, the default."""

from __future__ import annotations

import core.no_reports  # noqa: F401 - before ONNX Runtime

# isort: split

from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from core.errors import BundleCorrupt
from models.classifier.evidence import Forward, Logits
from models.classifier.files import INPUT_NAME, OUTPUT_NAMES, network_path

MOST_ROWS = 8
"""Larger batches only make the activations spill out of the processor's caches."""


def open_network(path: Path, threads: int | None) -> onnxruntime.InferenceSession:
    """Return a CPU session of an ONNX file whose threads sleep, rather than spin, between requests.

    Raises:
        BundleCorrupt: ONNX Runtime cannot read the file.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if threads is not None:
        options.intra_op_num_threads = threads
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime raises its own unexported types
        raise BundleCorrupt(f"{path} cannot be run. Train or fetch the bundle again.") from error


def open_forward(folder: Path, threads: int | None) -> Forward:
    """Return the forward pass of the classifier in ``folder``.

    Raises:
        BundleMissing, BundleCorrupt: its network is not there or cannot be read.
    """
    session = open_network(network_path(folder), threads)

    def forward(batch: NDArray[np.float32]) -> tuple[Logits, Logits]:
        parts = [
            session.run(OUTPUT_NAMES, {INPUT_NAME: batch[start : start + MOST_ROWS]})
            for start in range(0, len(batch), MOST_ROWS)
        ]
        topics, classes = (np.concatenate(rows) for rows in zip(*parts, strict=True))
        return topics, classes

    return forward
