"""The names of the thousand ImageNet classes, in the order of a network's logits."""

from __future__ import annotations

from pathlib import Path

from core.errors import DataError
from models.backbones.torchvision_shim import import_torchvision_models

NAMES_FILE = "imagenet_labels.txt"
N_CLASSES = 1000


def read_class_names(folder: Path | None) -> tuple[str, ...]:
    """Return 1000 names, synonyms of one class separated by commas.

    They come from ``imagenet_labels.txt`` (wnid, tab, names) in the weights folder, else from torchvision, whose names
    are shorter.

    Raises:
        DataError: the file does not hold 1000 names.
        MissingExtra: there is no such file and no torchvision either.
    """
    path = folder / NAMES_FILE if folder is not None else None
    if path is None or not path.is_file():
        return tuple(import_torchvision_models().ResNet50_Weights.IMAGENET1K_V2.meta["categories"])
    names = tuple(line.partition("\t")[2].strip() for line in path.read_text(encoding="utf-8").splitlines() if line)
    if len(names) != N_CLASSES or not all(names):
        raise DataError(f"{path} must hold {N_CLASSES} lines of wnid, tab, names. Fetch it again.")
    return names
