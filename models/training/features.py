"""Pooled features of pictures under a frozen network, computed once and kept by content."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from core.errors import BadInput, DataError
from models.classifier.decode import decode
from models.classifier.files import INPUT_NAME
from models.classifier.preprocess import Preprocessing, prepare
from models.classifier.runtime_onnx import open_network
from models.labelled.feature_cache import cached_features, feature_key
from models.training.augment import random_view
from models.training.onnx_export import export_onnx

Features = NDArray[np.float32]
Extract = Callable[[NDArray[np.float32]], Features]
AUGMENTATION_VERSION = 1
"""To be raised whenever ``models.training.augment`` draws another view from the same seed."""


def open_extractor(body: nn.Module, side: int, workplace: Path) -> Extract:
    """Return a function from (n, 3, side, side) pixels to (n, width) features of a frozen network.

    On a CUDA device torch runs it; on a processor ONNX Runtime does, two to four times as fast, and as the
    exported classifier will.

    Args:
        body: from pixels to pooled features.
        side: of the prepared pictures.
        workplace: a folder for the exported file.
    """
    if torch.cuda.is_available():
        on_device = body.cuda().eval()

        @torch.inference_mode()
        def extract_cuda(batch: NDArray[np.float32]) -> Features:
            features: Features = on_device(torch.from_numpy(batch).cuda()).float().cpu().numpy()
            return features

        return extract_cuda
    path = workplace / "frozen.onnx"
    export_onnx(body, side, path, outputs=("features",))
    session = open_network(path, threads=1)  # pictures, not layers, are spread over the cores

    def extract(batch: NDArray[np.float32]) -> Features:
        return np.concatenate([session.run(None, {INPUT_NAME: picture[None]})[0] for picture in batch])

    return extract


@dataclass(frozen=True, slots=True)
class FeatureRecipe:
    """What makes the features of a picture what they are.

    Attributes:
        network: hash of the network's weights.
        preprocessing: how pictures are prepared.
        views: random views of each picture, after the plain one.
        seed: of the random views.
    """

    network: str
    preprocessing: Preprocessing
    views: int
    seed: int

    def key(self, data: bytes) -> str:
        """Return the name under which the features of a picture file are kept."""
        recipe = f"{self.network} {self.preprocessing} {self.views} {self.seed} {AUGMENTATION_VERSION}"
        return feature_key(recipe, data)


def compute_features(
    paths: Sequence[Path],
    recipe: FeatureRecipe,
    extract: Extract,
    cache: Path,
    workers: int,
    advance: Callable[[float], object] = lambda _: None,
) -> Features:
    """Return (n_pictures, 1 + views, width) float32 features, the plain view first.

    Every picture is a piece of work of its own: its random views depend on its content and the recipe alone, so that
    neither order nor the number of workers changes a bit, and a run that was cut short goes on where it stopped.

    Raises:
        DataError: a file is not a readable picture; the message names it.
    """
    cache.mkdir(parents=True, exist_ok=True)

    def read(path: Path) -> Features:
        features = _of_picture(path, recipe, extract, cache)
        advance(1)
        return features

    with ThreadPoolExecutor(workers) as pool:
        return np.stack(list(pool.map(read, paths)))


def _of_picture(path: Path, recipe: FeatureRecipe, extract: Extract, cache: Path) -> Features:
    data = path.read_bytes()
    key = recipe.key(data)

    def compute() -> Features:
        image = decode(data)
        views = [prepare(image, recipe.preprocessing)]
        for view in range(recipe.views):
            rng = np.random.default_rng([recipe.seed, view, int(key[:16], 16)])
            views.append(random_view(image, recipe.preprocessing, rng))
        return extract(np.stack(views)).astype(np.float32)

    try:
        return cached_features(cache, key, compute)
    except BadInput as error:
        raise DataError(f"{path}: {error} Remove or replace the file.") from error


def hash_weights(parts: Iterable[nn.Module]) -> str:
    """Return a hash of all weights and running statistics, in order."""
    digest = hashlib.sha256()
    for part in parts:
        for name, value in part.state_dict().items():
            digest.update(name.encode())
            digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
