"""Which networks a runtime is given, looked at without a runtime."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from core.errors import BundleCorrupt
from models.classifier.files import NETWORK_FILE, network_path
from models.classifier.network_file import LAYERS, NotANetwork, check_network
from models.classifier.runtime_torch import LAYERS as TORCH_LAYERS


def small() -> onnx.ModelProto:
    """Return a network of two layers, one of its weights kept as numbers and one as bytes."""
    weights = [
        numpy_helper.from_array(np.ones((2, 3), np.float32), "w"),
        helper.make_tensor("b", TensorProto.FLOAT, [2], [0.0, 1.0]),
        helper.make_tensor("zero", TensorProto.UINT8, [], [200]),
    ]
    gemm = helper.make_node("Gemm", ["x", "w", "b"], ["y"], transB=1, alpha=1.0)
    graph = helper.make_graph(
        [gemm, helper.make_node("Relu", ["y"], ["z"])],
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, ["n", 2])],
        weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


def test_the_starter_bundles_network_is_accepted(repository: Path) -> None:
    """And a small one."""
    check_network((repository / "bundles" / "starter" / NETWORK_FILE).read_bytes())
    check_network(small().SerializeToString())


def test_the_layers_are_those_that_every_runtime_knows() -> None:
    """One list is read with torch alone, the other without it."""
    assert frozenset(TORCH_LAYERS) == LAYERS


def elsewhere(model: onnx.ModelProto) -> None:
    """Keep weights in another file."""
    tensor = model.graph.initializer[0]
    onnx.external_data_helper.set_external_data(tensor, "../../etc/passwd")
    tensor.ClearField("raw_data")


def marked_elsewhere(model: onnx.ModelProto) -> None:
    """Say alone that they are in another file."""
    model.graph.initializer[0].data_location = TensorProto.EXTERNAL


def many(model: onnx.ModelProto) -> None:
    """Announce more weights than there are."""
    model.graph.initializer[0].dims[0] = 2_000_000


def enormous(model: onnx.ModelProto) -> None:
    """Announce a side below nothing."""
    model.graph.initializer[0].dims[0] = -2


def few(model: onnx.ModelProto) -> None:
    """Announce fewer numbers than there are."""
    model.graph.initializer[1].dims[0] = 1


def texts(model: onnx.ModelProto) -> None:
    """Hold texts for weights."""
    model.graph.initializer.append(helper.make_tensor("t", TensorProto.STRING, [1], [b"a"]))  # type: ignore[list-item]


def looping(model: onnx.ModelProto) -> None:
    """Have a layer with a graph in it."""
    model.graph.node.append(helper.make_node("Loop", ["", "", "x"], ["l"], body=model.graph))


def graph_in_layer(model: onnx.ModelProto) -> None:
    """Have a known layer with a graph in it."""
    model.graph.node.append(helper.make_node("Add", ["z", "z"], ["l"], body=small().graph))


def generating(model: onnx.ModelProto) -> None:
    """Make weights out of nothing."""
    model.graph.node.append(helper.make_node("ConstantOfShape", ["w"], ["l"]))


def foreign(model: onnx.ModelProto) -> None:
    """Have a layer of another domain."""
    model.graph.node.append(helper.make_node("Add", ["z", "z"], ["l"], domain="com.evil"))


def function(model: onnx.ModelProto) -> None:
    """Bring a function along."""
    model.functions.append(helper.make_function("f", "f", ["a"], ["b"], [], [helper.make_opsetid("", 17)]))


def future(model: onnx.ModelProto) -> None:
    """Ask for operators that do not exist yet."""
    model.opset_import[0].version = 99


def headless(model: onnx.ModelProto) -> None:
    """Hold no graph."""
    model.ClearField("graph")


@pytest.mark.parametrize(
    "spoil",
    [
        *(elsewhere, marked_elsewhere, many, enormous, few, texts, looping, graph_in_layer, generating, foreign),
        *(function, future, headless),
    ],
    ids=lambda spoil: spoil.__name__,
)
def test_what_a_runtime_would_believe_is_refused(spoil: Callable[[onnx.ModelProto], None], tmp_path: Path) -> None:
    """By the function that every runtime takes the file from."""
    model = small()
    spoil(model)
    (tmp_path / NETWORK_FILE).write_bytes(model.SerializeToString())
    with pytest.raises(BundleCorrupt, match=r"topics\.onnx cannot be run: .*Train or fetch the bundle again"):
        network_path(tmp_path)


@settings(max_examples=300)
@given(st.data())
def test_mutants_are_refused_or_accepted_and_nothing_else(data: st.DataObject) -> None:
    """No other error, and cut short it is never taken for whole where a message breaks off."""
    content = bytearray(small().SerializeToString())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        check_network(bytes(content[: data.draw(st.integers(0, len(content)))]))
    except NotANetwork as error:
        assert str(error)


def test_a_link_to_nowhere_is_missing(tmp_path: Path, repository: Path) -> None:
    """And a file that is whole is given."""
    shutil.copy(repository / "bundles" / "starter" / NETWORK_FILE, tmp_path / NETWORK_FILE)
    assert network_path(tmp_path) == tmp_path / NETWORK_FILE
