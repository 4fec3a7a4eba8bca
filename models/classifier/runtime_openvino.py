"""Runs the classifier with OpenVINO, for Intel processors and those alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import BundleCorrupt, lacking
from models.classifier.evidence import Forward, Logits
from models.classifier.files import OUTPUT_NAMES, network_path


def open_forward(folder: Path, threads: int | None) -> Forward:
    """Return the forward pass of the classifier in ``folder``.

    Raises:
        MissingExtra: OpenVINO is not installed.
        BundleMissing, BundleCorrupt: its network is not there or cannot be read.
    """
    try:
        import core.no_reports  # noqa: F401, I001 - before OpenVINO
        import openvino
    except ImportError as error:
        raise lacking("the runtime openvino", "openvino", "scale") from error
    path = network_path(folder)
    # Float32 throughout: where the processor has bfloat16 the plugin would choose it and drift from the others.
    settings: dict[str, str | int] = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    if threads is not None:
        settings["INFERENCE_NUM_THREADS"] = threads
    try:
        compiled = openvino.Core().compile_model(path, "CPU", settings)
    except RuntimeError as error:
        raise BundleCorrupt(f"{path} cannot be run. Train or fetch the bundle again.") from error

    def forward(batch: NDArray[np.float32]) -> tuple[Logits, Logits]:
        result = compiled.create_infer_request().infer([batch])  # a request of its own: they are not shared by threads
        topics, classes = (np.array(result[name]) for name in OUTPUT_NAMES)
        return topics, classes

    return forward
