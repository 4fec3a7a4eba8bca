"""Writes a trained network as one ONNX file, in float32 or in int8."""

from __future__ import annotations

import core.no_reports  # noqa: F401 - before ONNX Runtime

# isort: split

import tempfile
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch import nn

from models.classifier.files import INPUT_NAME, OUTPUT_NAMES

OPSET = 17


def export_onnx(network: nn.Module, side: int, path: Path, outputs: Sequence[str] = OUTPUT_NAMES) -> None:
    """Write ``network`` in eval mode to ``path``: any batch of (3, side, side) float32 in, ``outputs`` out.

    Batch norms are folded into the convolutions before them, and every weight is in the one file. The same weights
    give the same bytes.
    """
    example = torch.zeros(1, 3, side, side)
    with warnings.catch_warnings():
        # The scripting exporter is what torch offers without further packages; it announces its retirement each time.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network.cpu().eval(),
            (example,),
            str(path),
            dynamo=False,
            opset_version=OPSET,
            input_names=[INPUT_NAME],
            output_names=list(outputs),
            dynamic_axes={name: {0: "n"} for name in (INPUT_NAME, *outputs)},
        )
    model = _folded(path)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString(deterministic=True))


def _folded(path: Path) -> onnx.ModelProto:
    """Return the model with its constant arithmetic (padding sizes) done, which leaves only layers."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.log_severity_level = 3
    with tempfile.TemporaryDirectory() as aside:
        options.optimized_model_filepath = str(Path(aside) / "folded.onnx")
        onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        model = onnx.load(options.optimized_model_filepath)
    # The optimiser declares domains of its own that no layer here is of.
    standard = [declared for declared in model.opset_import if declared.domain == ""]
    del model.opset_import[:]
    model.opset_import.extend(standard)
    return model


class _Pictures(CalibrationDataReader):  # type: ignore[misc]
    """Feeds prepared pictures to the calibrator one at a time."""

    def __init__(self, pictures: Iterable[NDArray[np.float32]]) -> None:
        self._pictures: Iterator[NDArray[np.float32]] = iter(pictures)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        """Return the next batch of one, or None at the end."""
        picture = next(self._pictures, None)
        return None if picture is None else {INPUT_NAME: picture[None]}


def quantise(source: Path, target: Path, pictures: Iterable[NDArray[np.float32]]) -> None:
    """Write an int8 copy of a classifier, its activation ranges measured on ``pictures``.

    Weights are int8 per output channel, activations uint8 per tensor, as quantise and dequantise pairs that every
    runtime fuses (Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient
    Integer-Arithmetic-Only Inference"). The ImageNet layer and the topic head stay float32: they cost next to
    nothing, and probabilities are read from them.

    Args:
        source: the float32 file.
        target: written.
        pictures: (3, side, side) float32 each.
    """
    with tempfile.TemporaryDirectory() as aside:
        shaped = Path(aside) / "shaped.onnx"
        quant_pre_process(str(source), str(shaped), skip_symbolic_shape=True)
        quantize_static(
            str(shaped),
            str(target),
            _Pictures(pictures),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
            nodes_to_exclude=_answering_nodes(onnx.load(shaped).graph),
        )
    model = onnx.load(target)
    target.write_bytes(model.SerializeToString(deterministic=True))


def _answering_nodes(graph: onnx.GraphProto) -> list[str]:
    """Return the names of all nodes behind the feature maps: pooling is the last thing done in int8."""
    maker = {output: node for node in graph.node for output in node.output}
    waiting = [node for node in graph.node if node.op_type in ("Conv", "GlobalAveragePool", "Flatten")]
    before: set[str] = set()
    while waiting:
        node = waiting.pop()
        if node.name not in before:
            before.add(node.name)
            waiting += [maker[name] for name in node.input if name in maker]
    return [node.name for node in graph.node if node.name not in before]
