"""Chooses the backbone that a classifier is built on."""

from __future__ import annotations

from pathlib import Path

from core.errors import WeightsUnavailable
from models.backbones.registry import DEFAULT_BACKBONE, Backbone, find_backbone
from models.backbones.weights import find_weights
from models.backbones.weights_download import Report

AUTO = "auto"
FALLBACK = "efficientnet_lite2"


def choose_backbone(
    name: str, folder: Path | None, file: Path | None, downloads: Path, report: Report
) -> tuple[Backbone, Path, str]:
    """Return a backbone, its weights file, and a sentence about why it was chosen.

    Args:
        name: of a backbone, or "auto" for ResNet50 where its ImageNet weights can be had and EfficientNet-Lite2 else.
        folder: the weights folder, or None.
        file: a weights file of the caller's own, or None.
        downloads: where what has to be fetched is kept.
        report: told how far a download is.

    Raises:
        DataError: there is no such backbone.
        WeightsUnavailable: the weights can neither be found nor fetched.
    """
    if name != AUTO:
        backbone = find_backbone(name)
        return backbone, find_weights(backbone, folder, file, downloads, report), f"{name}, as asked for"
    preferred = find_backbone(DEFAULT_BACKBONE)
    try:
        weights = find_weights(preferred, folder, file, downloads, report)
    except WeightsUnavailable as error:
        if file is not None:
            raise
        backbone = find_backbone(FALLBACK)
        why = f"{backbone.name} in place of {preferred.name}. {error}"
        return backbone, find_weights(backbone, folder, None, downloads, report), why
    return preferred, weights, f"{preferred.name}, as its ImageNet weights are at hand"
