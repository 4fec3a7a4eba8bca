"""A picture classifier of a few kilobytes, made layer by layer, that every runtime can open."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from models.classifier.files import (
    INPUT_NAME,
    NETWORK_FILE,
    OUTPUT_NAMES,
    ClassifierFacts,
    EnergyStatistics,
    write_facts,
)
from models.classifier.preprocess import Preprocessing

TOPICS = ("food", "nature", "pets")
SIDE = 24
N_CLASSES = 1000
FACTS = ClassifierFacts(
    backbone="tiny",
    topics=TOPICS,
    temperature=0.7,
    imagenet_classes=tuple(f"class {number}" for number in range(N_CLASSES)),
    top_classes=20,
    preprocessing=Preprocessing(28, SIDE, "bicubic", (127.0, 127.0, 127.0), (128.0, 128.0, 128.0)),
    energy=EnergyStatistics({"0.01": -1.0}, -1.0, 0.9),
)


def write_tiny_classifier(folder: Path, facts: ClassifierFacts = FACTS) -> Path:
    """Write ``topics.onnx`` and ``topics.json`` of a random network and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(5)

    def weights(name: str, *shape: int) -> onnx.TensorProto:
        values: NDArray[np.float32] = (rng.normal(size=shape) * 0.3).astype(np.float32)
        return numpy_helper.from_array(values, name)

    constants = [
        weights("stem.weight", 8, 3, 3, 3),
        weights("stem.bias", 8),
        weights("topics.weight", len(facts.topics), 8),
        weights("topics.bias", len(facts.topics)),
        weights("classes.weight", N_CLASSES, 8),
        weights("classes.bias", N_CLASSES),
        numpy_helper.from_array(np.array(0, np.float32), "low"),
        numpy_helper.from_array(np.array(6, np.float32), "high"),
    ]
    nodes = [
        helper.make_node("Conv", [INPUT_NAME, "stem.weight", "stem.bias"], ["a"], strides=[2, 2], pads=[0, 0, 1, 1]),
        helper.make_node("Clip", ["a", "low", "high"], ["b"]),
        helper.make_node("GlobalAveragePool", ["b"], ["c"]),
        helper.make_node("Flatten", ["c"], ["d"]),
        helper.make_node("Gemm", ["d", "topics.weight", "topics.bias"], [OUTPUT_NAMES[0]], transB=1),
        helper.make_node("Gemm", ["d", "classes.weight", "classes.bias"], [OUTPUT_NAMES[1]], transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(INPUT_NAME, TensorProto.FLOAT, ["n", 3, SIDE, SIDE])],
        [
            helper.make_tensor_value_info(OUTPUT_NAMES[0], TensorProto.FLOAT, ["n", len(facts.topics)]),
            helper.make_tensor_value_info(OUTPUT_NAMES[1], TensorProto.FLOAT, ["n", N_CLASSES]),
        ],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, folder / NETWORK_FILE)
    write_facts(facts, folder)
    return folder
