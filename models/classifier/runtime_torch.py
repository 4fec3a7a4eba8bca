"""Runs the classifier's own ONNX file with torch, on a CUDA device when there is one.

The file is the one truth of what the classifier computes, so it is read layer by layer instead of being rebuilt from
a second copy of the weights; an int8 file runs with its rounding simulated in float32.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor
from torch.nn import functional

from core.errors import BundleCorrupt
from models.classifier.evidence import Forward, Logits
from models.classifier.files import INPUT_NAME, OUTPUT_NAMES, network_path

Attributes = Mapping[str, Any]
Layer = Callable[[list[Tensor | None], Attributes], Tensor]


def open_forward(folder: Path, threads: int | None) -> Forward:
    """Return the forward pass of the classifier in ``folder``.

    ``threads`` holds for the whole process: torch knows no other way.

    Raises:
        BundleMissing, BundleCorrupt: its network is not there, cannot be read, or has a layer that is not known here.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    path = network_path(folder)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        graph = onnx.load(path).graph
    except Exception as error:  # protobuf raises its own types
        raise BundleCorrupt(f"{path} cannot be read. Train or fetch the bundle again.") from error
    unknown = sorted({node.op_type for node in graph.node} - LAYERS.keys())
    if unknown:
        raise BundleCorrupt(f"{path} has layers that the torch runtime does not know: {', '.join(unknown)}.")
    constants = {
        tensor.name: torch.from_numpy(numpy_helper.to_array(tensor).copy()).to(device) for tensor in graph.initializer
    }
    steps = [
        (
            LAYERS[node.op_type],
            list(node.input),
            node.output[0],
            {attribute.name: _plain(attribute) for attribute in node.attribute},
        )
        for node in graph.node
    ]

    def forward(batch: NDArray[np.float32]) -> tuple[Logits, Logits]:
        values: dict[str, Tensor] = {**constants, INPUT_NAME: torch.from_numpy(batch).to(device)}
        with torch.inference_mode():
            for layer, inputs, output, attributes in steps:
                values[output] = layer([values[name] if name else None for name in inputs], attributes)
        topics, classes = (values[name].float().cpu().numpy() for name in OUTPUT_NAMES)
        return topics, classes

    return forward


def _plain(attribute: onnx.AttributeProto) -> Any:
    value = onnx.helper.get_attribute_value(attribute)
    return value.decode() if isinstance(value, bytes) else value


def _given(value: Tensor | None) -> Tensor:
    assert value is not None, "a required input is missing"
    return value


def _sides(pads: list[int] | None) -> tuple[int, ...]:
    """Return ONNX pads (top, left, bottom, right) in torch's order (left, right, top, bottom)."""
    top, left, bottom, right = pads or (0, 0, 0, 0)
    return left, right, top, bottom


def _conv(inputs: list[Tensor | None], attributes: Attributes) -> Tensor:
    x, weight, bias = _given(inputs[0]), _given(inputs[1]), inputs[2] if len(inputs) > 2 else None
    left, right, top, bottom = _sides(attributes.get("pads"))
    if left == right and top == bottom:
        padding: tuple[int, int] = (top, left)
    else:
        x, padding = functional.pad(x, (left, right, top, bottom)), (0, 0)
    stride = tuple(attributes.get("strides", (1, 1)))
    return functional.conv2d(x, weight, bias, stride, padding, groups=attributes.get("group", 1))


def _max_pool(inputs: list[Tensor | None], attributes: Attributes) -> Tensor:
    x = functional.pad(_given(inputs[0]), _sides(attributes.get("pads")), value=float("-inf"))
    return functional.max_pool2d(x, attributes["kernel_shape"], attributes.get("strides", (1, 1)))


def _clip(inputs: list[Tensor | None], attributes: Attributes) -> Tensor:
    low, high = (inputs[at] if len(inputs) > at else None for at in (1, 2))
    return torch.clamp(_given(inputs[0]), low, high)


def _pad(inputs: list[Tensor | None], attributes: Attributes) -> Tensor:
    x, sizes = _given(inputs[0]), _given(inputs[1]).tolist()
    n = len(sizes) // 2
    in_torch_order = [size for axis in reversed(range(n)) for size in (sizes[axis], sizes[axis + n])]
    fill = inputs[2].item() if len(inputs) > 2 and inputs[2] is not None else 0.0
    return functional.pad(x, in_torch_order, value=fill)


def _gemm(inputs: list[Tensor | None], attributes: Attributes) -> Tensor:
    a, b = _given(inputs[0]), _given(inputs[1])
    a = a.T if attributes.get("transA") else a
    b = b.T if attributes.get("transB") else b
    product: Tensor = a @ b * attributes.get("alpha", 1.0)
    offset = inputs[2] if len(inputs) > 2 else None
    return product if offset is None else product + offset * attributes.get("beta", 1.0)


def _reduce_l2(inputs: list[Tensor | None], attributes: Attributes) -> Tensor:
    axes, keep = tuple(attributes["axes"]), bool(attributes.get("keepdims", 1))
    length: Tensor = torch.linalg.vector_norm(_given(inputs[0]), dim=axes, keepdim=keep)
    return length


def _along_axis(value: Tensor, like: Tensor, attributes: Attributes) -> Tensor:
    if value.dim() == 0:
        return value
    shape = [1] * like.dim()
    shape[attributes.get("axis", 1)] = -1
    return value.view(shape)


def _quantise(inputs: list[Tensor | None], attributes: Attributes) -> Tensor:
    x, scale, zero = _given(inputs[0]), _given(inputs[1]), _given(inputs[2])
    limits = torch.iinfo(zero.dtype)
    steps = torch.round(x / _along_axis(scale, x, attributes)) + _along_axis(zero, x, attributes)
    return steps.clamp(limits.min, limits.max).to(zero.dtype)


def _dequantise(inputs: list[Tensor | None], attributes: Attributes) -> Tensor:
    x, scale = _given(inputs[0]), _given(inputs[1])
    steps = x.to(torch.float32)
    if len(inputs) > 2 and inputs[2] is not None:
        steps = steps - _along_axis(inputs[2].to(torch.float32), x, attributes)
    return steps * _along_axis(scale, x, attributes)


LAYERS: dict[str, Layer] = {
    "Add": lambda inputs, _: _given(inputs[0]) + _given(inputs[1]),
    "Clip": _clip,
    "Concat": lambda inputs, attributes: torch.cat([_given(value) for value in inputs], dim=attributes["axis"]),
    "Conv": _conv,
    "DequantizeLinear": _dequantise,
    "Div": lambda inputs, _: _given(inputs[0]) / _given(inputs[1]),
    "Flatten": lambda inputs, attributes: _given(inputs[0]).flatten(attributes.get("axis", 1)),
    "Gemm": _gemm,
    "GlobalAveragePool": lambda inputs, _: _given(inputs[0]).mean(dim=(2, 3), keepdim=True),
    "MaxPool": _max_pool,
    "Pad": _pad,
    "QuantizeLinear": _quantise,
    "ReduceL2": _reduce_l2,
    "Mul": lambda inputs, _: _given(inputs[0]) * _given(inputs[1]),
    "Relu": lambda inputs, _: functional.relu(_given(inputs[0])),
    "Softmax": lambda inputs, attributes: torch.softmax(_given(inputs[0]), dim=attributes.get("axis", -1)),
    "Sqrt": lambda inputs, _: torch.sqrt(_given(inputs[0])),
    "Sub": lambda inputs, _: _given(inputs[0]) - _given(inputs[1]),
}
