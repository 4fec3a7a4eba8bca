"""Reads an ONNX file as far as it must be trusted, before a runtime opens it.

A runtime's parser takes files of any kind: with weights in other files on the disk, with loops, functions and operators
of other domains, with tensors that announce more than they hold. A classifier of ours is a plain graph of the layers in
``LAYERS`` with its weights in the one file; whatever else a file holds is refused here. What stays to be trusted is how
a runtime computes those layers, so a service opens a new bundle in a child first (``service/engine/trial.py``).

The format is protobuf's (field number and kind, then a number or a length and bytes), read by its published encoding;
field numbers are those of onnx.proto.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

MOST_BYTES = 1_000_000_000
MOST_NODES = 20_000
OPSETS = range(11, 26)
LAYERS = frozenset(
    (
        *("Add", "Clip", "Concat", "Conv", "DequantizeLinear", "Div", "Flatten", "Gemm", "GlobalAveragePool"),
        *("MaxPool", "Mul", "Pad", "QuantizeLinear", "ReduceL2", "Relu", "Softmax", "Sqrt", "Sub"),
    )
)
"""Operators of ONNX's own domain that classifiers are made of."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_ITEM_BYTES = {1: 4, 2: 1, 3: 1, 6: 4, 7: 8, 10: 2, 11: 8}
"""TensorProto.DataType: float, uint8, int8, int32, int64, float16, double."""
# Messages by the fields that they may have.
_MODEL = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 14})
_GRAPH = frozenset({1, 2, 5, 10, 11, 12, 13})
_NODE = frozenset({1, 2, 3, 4, 5, 6, 7})
_ATTRIBUTE = frozenset({1, 2, 3, 4, 7, 8, 9, 13, 20})
_TENSOR = frozenset({1, 2, 4, 5, 7, 8, 9, 12, 14})


class NotANetwork(ValueError):
    """The file is not a network that a runtime may be given; the message says why."""


@dataclass(frozen=True, slots=True)
class _Field:
    """One field of a message: its number, and a number or bytes."""

    number: int
    value: int
    content: memoryview


def check_network(content: bytes) -> None:
    """Refuse what is not a plain graph of known layers with all its weights in it.

    Raises:
        NotANetwork: it is not.
    """
    if len(content) > MOST_BYTES:
        raise NotANetwork(f"it has more than {MOST_BYTES // 1_000_000} MB")
    graphs, opset = [], None
    for field in _fields(memoryview(content), _MODEL, "model"):
        if field.number == 7:
            graphs.append(field.content)
        elif field.number == 8:
            declared = {part.number: part for part in _fields(field.content, frozenset({1, 2}), "opset")}
            if 1 not in declared or not declared[1].content:
                opset = declared[2].value if 2 in declared else None
    if len(graphs) != 1 or opset not in OPSETS:
        raise NotANetwork(f"it holds {len(graphs)} graphs of operator set {opset}")
    n_nodes = 0
    for field in _fields(graphs[0], _GRAPH, "graph"):
        if field.number == 1:
            n_nodes += 1
            _check_node(field.content)
        elif field.number == 5:
            _check_tensor(field.content)
    if n_nodes > MOST_NODES:
        raise NotANetwork(f"it has more than {MOST_NODES} layers")


def _check_node(content: memoryview) -> None:
    layer = domain = ""
    for field in _fields(content, _NODE, "layer"):
        if field.number == 4:
            layer = bytes(field.content[:100]).decode("ascii", "replace")
        elif field.number == 7:
            domain = bytes(field.content[:100]).decode("ascii", "replace")
        elif field.number == 5:
            for _ in _fields(field.content, _ATTRIBUTE, "attribute"):  # neither graphs nor tensors
                pass
    if layer not in LAYERS or domain:
        raise NotANetwork(f"it has a layer {layer!r} of domain {domain!r}, which no classifier has")


def _check_tensor(content: memoryview) -> None:
    """Refuse weights that lie in another file, or that are more or fewer than announced."""
    sides: list[int] = []
    kind = n_bytes = n_items = 0
    for field in _fields(content, _TENSOR, "tensor"):
        if field.number == 1:
            sides += _numbers(field)
        elif field.number == 2:
            kind = field.value
        elif field.number == 9:
            n_bytes += len(field.content)
        elif field.number in (4, 5, 7):
            n_items += len(field.content) // 4 if field.number == 4 else len(_numbers(field))
        elif field.number == 14 and field.value:
            raise NotANetwork("it keeps weights in another file")
    if kind not in _ITEM_BYTES or len(sides) > 8 or any(side > MOST_BYTES for side in sides):
        raise NotANetwork("it has weights of an unknown kind or shape")
    if (n_bytes / _ITEM_BYTES[kind] if n_bytes else n_items) != math.prod(sides):
        raise NotANetwork("it has weights that are not as many as announced")


def _numbers(field: _Field) -> list[int]:
    """Return the numbers of a repeated field, packed or alone."""
    if not field.content.nbytes:
        return [field.value]
    numbers, at = [], 0
    while at < len(field.content):
        number, at = _varint(field.content, at)
        numbers.append(number)
    return numbers


def _fields(content: memoryview, allowed: frozenset[int], where: str) -> Iterator[_Field]:
    """Yield the fields of a message in order.

    Raises:
        NotANetwork: one is not allowed there, or the message is cut short.
    """
    at = 0
    while at < len(content):
        key, at = _varint(content, at)
        number, kind, value = key >> 3, key & 7, 0
        if number not in allowed:
            raise NotANetwork(f"its {where} has a field {number}, which no classifier has")
        end = at
        if kind == _VARINT:
            value, at = _varint(content, at)
            end = at
        elif kind == _BYTES:
            size, at = _varint(content, at)
            end = at + size
        elif kind in (_FIXED32, _FIXED64):
            at, end = at + (4 if kind == _FIXED32 else 8), at + (4 if kind == _FIXED32 else 8)
        else:
            raise NotANetwork(f"its {where} has a field of an unknown kind")
        if end > len(content):
            raise NotANetwork(f"its {where} ends too early")
        yield _Field(number, value, content[at:end])
        at = end


def _varint(content: memoryview, at: int) -> tuple[int, int]:
    """Return a number of at most 64 bits and where it ends."""
    value = shift = 0
    while at < len(content) and shift < 70:
        byte = content[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise NotANetwork("it ends in the middle of a number")
