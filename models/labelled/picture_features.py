"""Features of pictures from a bundle's own network, without torch.

The exported network answers with topics and ImageNet classes. What its ImageNet layer reads, the pooled features of
the backbone, is an inner value of the same graph: declaring it as one more output is all it takes, so features are
those of the bundle, precision and fine-tuning included. Needs the package ``onnx``, which comes with ``train``.
"""

from __future__ import annotations

import core.no_reports  # noqa: F401 - before ONNX Runtime

# isort: split

import hashlib
import importlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from core.atomic import storage_errors
from core.errors import BadInput, BundleCorrupt
from models.classifier.files import INPUT_NAME, OUTPUT_NAMES, network_path, read_facts
from models.classifier.preprocess import Preprocessing, prepare_bytes
from models.labelled.feature_cache import Floats, cached_features, feature_key

Forward = Callable[[Floats], tuple[Floats, Floats]]
"""From (n, 3, side, side) pixels to (n, width) pooled features and (n, 1000) ImageNet logits."""

IMAGENET_LOGITS = OUTPUT_NAMES[1]
N_CLASSES = 1000


@dataclass(frozen=True, slots=True)
class PictureFeatures:
    """What a backbone says of pictures.

    Attributes:
        readable: (n,) whether each file could be read; rows of those that could not are zeros.
        features: (n, width) float32 pooled features.
        logits: (n, 1000) float32 ImageNet logits.
    """

    readable: NDArray[np.bool_]
    features: Floats
    logits: Floats


@dataclass(frozen=True, slots=True)
class Extractor:
    """A frozen network with all that its features depend on.

    Attributes:
        mark: hash of the network; features are kept under it.
        preprocessing: how pictures are prepared.
        forward: the network.
    """

    mark: str
    preprocessing: Preprocessing
    forward: Forward


def open_bundle_extractor(folder: Path, threads: int = 1) -> Extractor:
    """Return the extractor of the bundle in ``folder``.

    Raises:
        BundleMissing, BundleCorrupt: its network is not there, cannot be read, or has no ImageNet layer.
    """
    path, facts = network_path(folder), read_facts(folder)
    content = path.read_bytes()
    session = _open_with_features(content, path, threads)

    def forward(batch: Floats) -> tuple[Floats, Floats]:
        features, logits = session.run(["features", IMAGENET_LOGITS], {INPUT_NAME: batch})
        return features, logits

    return Extractor(hashlib.sha256(content).hexdigest(), facts.preprocessing, forward)


def read_features(
    paths: Sequence[Path],
    extractor: Extractor,
    cache: Path,
    workers: int,
    advance: Callable[[float], object] = lambda _: None,
) -> PictureFeatures:
    """Return the features of picture files, kept in ``cache`` by content, so that a second look costs nothing.

    A file that is not a readable picture does not stop the others.

    Raises:
        StorageError: the cache cannot be written.
    """
    with storage_errors(cache):
        cache.mkdir(parents=True, exist_ok=True)

    def read(path: Path) -> Floats | None:
        row = _of_picture(path, extractor, cache)
        advance(1)
        return row

    with ThreadPoolExecutor(workers) as pool:
        found = list(pool.map(read, paths))
    readable = np.array([row is not None for row in found], dtype=np.bool_)
    width = next((len(row) for row in found if row is not None), 1 + N_CLASSES)
    rows = np.zeros((len(found), width), np.float32)
    for at in np.flatnonzero(readable):
        rows[at] = found[at]
    return PictureFeatures(readable, rows[:, :-N_CLASSES], rows[:, -N_CLASSES:])


def _open_with_features(content: bytes, path: Path, threads: int) -> onnxruntime.InferenceSession:
    onnx = importlib.import_module("onnx")  # only training installs it, and only training looks inside a network
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        model = onnx.load_from_string(content)
        layer = next(node for node in model.graph.node if IMAGENET_LOGITS in node.output)
        inner = onnx.helper.make_node("Identity", [layer.input[0]], ["features"], name="features")
        model.graph.node.append(inner)
        model.graph.output.append(onnx.helper.make_tensor_value_info("features", onnx.TensorProto.FLOAT, None))
        return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # protobuf and the runtime raise their own unexported types
        raise BundleCorrupt(f"{path} has no features to read. Train or fetch the bundle again.") from error


def _of_picture(path: Path, extractor: Extractor, cache: Path) -> Floats | None:
    """Return the features and, behind them, the logits of a picture file; None when it cannot be read."""
    try:
        data = path.read_bytes()
    except OSError:
        return None

    def compute() -> Floats:
        features, logits = extractor.forward(prepare_bytes(data, extractor.preprocessing)[None])
        return np.concatenate([features[0], logits[0]])

    try:
        key = feature_key(f"{extractor.mark} {extractor.preprocessing} features and logits", data)
        return cached_features(cache, key, compute)
    except BadInput:
        return None
