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
import os
import secrets
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

Floats = NDArray[np.float32]
Forward = Callable[[Floats], tuple[Floats, Floats]]
"""From (n, 3, side, side) pixels to (n, width) pooled features and (n, 1000) ImageNet logits."""

IMAGENET_LOGITS = OUTPUT_NAMES[1]


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

    A file that is no readable picture does not stop the others.

    Raises:
        StorageError: the cache cannot be written.
    """
    with storage_errors(cache):
        cache.mkdir(parents=True, exist_ok=True)

    def of_one(path: Path) -> tuple[Floats, Floats] | None:
        found = _of_picture(path, extractor, cache)
        advance(1)
        return found

    with ThreadPoolExecutor(workers) as pool:
        found = list(pool.map(of_one, paths))
    readable = np.array([one is not None for one in found], dtype=np.bool_)
    known = next((one for one in found if one is not None), (np.zeros(1, np.float32), np.zeros(1000, np.float32)))
    nothing = tuple(np.zeros_like(part) for part in known)
    rows = [one or (nothing[0], nothing[1]) for one in found]
    if not rows:
        return PictureFeatures(readable, np.zeros((0, 1), np.float32), np.zeros((0, 1000), np.float32))
    return PictureFeatures(readable, np.stack([row[0] for row in rows]), np.stack([row[1] for row in rows]))


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


def _of_picture(path: Path, extractor: Extractor, cache: Path) -> tuple[Floats, Floats] | None:
    try:
        data = path.read_bytes()
    except OSError:
        return None
    recipe = f"{extractor.mark} {extractor.preprocessing} features and logits"
    key = hashlib.sha256(recipe.encode() + hashlib.sha256(data).digest()).hexdigest()
    kept = cache / f"{key}.npz"
    if kept.is_file():
        with np.load(kept, allow_pickle=False) as arrays:
            return arrays["features"], arrays["logits"]
    try:
        pixels = prepare_bytes(data, extractor.preprocessing)
    except BadInput:
        return None
    features, logits = extractor.forward(pixels[None])
    aside = cache / f".{key}.{os.getpid()}-{secrets.token_hex(4)}.part"
    with storage_errors(kept):
        try:
            with aside.open("xb") as file:
                np.savez(file, features=features[0], logits=logits[0])
            aside.replace(kept)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise
    return features[0], logits[0]
