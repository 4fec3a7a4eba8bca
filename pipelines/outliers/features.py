"""Where the features that outliers are told by come from: a bundle's own network, or a backbone with its weights."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from core.errors import BadInput
from models.classifier.decode import decode
from models.labelled.picture_features import PictureFeatures, open_bundle_extractor, read_features
from pipelines.workshop.progress import ProgressPort

Advance = Callable[[float], object]
ReadFeatures = Callable[[list[Path], Advance], PictureFeatures]
"""From picture files to their features; a file that cannot be read is told, not raised."""


def from_bundle(bundle: Path, cache: Path) -> ReadFeatures:
    """Return a reader of the features of the bundle in the folder ``bundle``; needs no torch.

    Raises:
        BundleError: the bundle has no network to read.
    """
    extractor = open_bundle_extractor(bundle)
    return lambda paths, advance: read_features(paths, extractor, cache, os.cpu_count() or 1, advance)


def from_backbone(name: str, weights: Path | None, cache: Path, progress: ProgressPort) -> ReadFeatures:
    """Return a reader of the features that `tagsmith train` learns from, kept the same way; needs torch.

    Args:
        name: of a backbone, or ``auto``.
        weights: the folder of pretrained weights, or None.
        cache: where features are kept, such as the ``.work/cache/train-topics`` of a store.
        progress: told which backbone it is.

    Raises:
        DataError: there is no such backbone.
        WeightsUnavailable: its weights can neither be found nor fetched.
    """
    import torch

    from models.backbones.choice import choose_backbone
    from models.backbones.networks import load_network
    from models.training.features import compute_features
    from models.training.frozen_training import FrozenBackbone, use_one_thread

    use_one_thread()
    backbone, file, why = choose_backbone(name, weights, None, cache, lambda done, total: None)
    progress.note(why)
    frozen = FrozenBackbone.open(backbone, load_network(backbone, file), cache, os.cpu_count() or 1, 0)

    def read(paths: list[Path], advance: Advance) -> PictureFeatures:
        readable = np.array([_is_picture(path) for path in paths], dtype=np.bool_)
        good = [path for path, fine in zip(paths, readable, strict=True) if fine]
        features = np.zeros((len(paths), frozen.width), np.float32)
        logits = np.zeros((len(paths), 1000), np.float32)
        if good:
            plain = compute_features(good, frozen.recipe, frozen.extract, cache, frozen.workers, advance)
            features[readable] = plain[:, 0, : frozen.width]
            with torch.no_grad():
                classifier = frozen.network.classifier.cpu()
                logits[readable] = classifier(torch.from_numpy(features[readable])).numpy()
        return PictureFeatures(readable, features, logits)

    return read


def _is_picture(path: Path) -> bool:
    try:
        decode(path.read_bytes())
    except (OSError, BadInput):
        return False
    return True
