"""Builds each backbone as a network cut in three: a trunk, its last stage, and its ImageNet layer."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.errors import DataError
from models.backbones.efficientnet_lite import EfficientNetLite2, translate_names
from models.backbones.registry import Backbone
from models.backbones.torchvision_shim import import_torchvision_models
from models.backbones.weights import read_state

NAMES_FILE = "imagenet_labels.txt"
N_CLASSES = 1000
LITE2_TRUNK_BLOCKS = 15
MOBILENET_TRUNK_BLOCKS = 14
VGG_TRUNK_LAYERS = {16: 24, 19: 28}
State = dict[str, Tensor]


class Network(nn.Module):
    """A backbone cut where fine-tuning cuts it.

    Args:
        trunk: (n, 3, side, side) to feature maps; kept as it is unless everything is trained.
        tail: feature maps to (n, width) pooled features: the last stage.
        classifier: (n, width) to (n, 1000) ImageNet logits.
    """

    def __init__(self, trunk: nn.Module, tail: nn.Module, classifier: nn.Module) -> None:
        super().__init__()
        self.trunk, self.tail, self.classifier = trunk, tail, classifier

    def features(self, x: Tensor) -> Tensor:
        """Return (n, width) pooled features."""
        return cast(Tensor, self.tail(self.trunk(x)))

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, 1000) ImageNet logits."""
        return cast(Tensor, self.classifier(self.features(x)))


def load_network(backbone: Backbone, weights: Path | None) -> Network:
    """Return a backbone in eval mode, with the weights of a file, or random ones when there is none.

    Raises:
        DataError: the file does not hold this network's weights.
        MissingExtra: the backbone needs torchvision, which is not installed.
    """
    module, _, function = backbone.builder.partition(":")
    build = cast(Callable[[int, State | None], Network], getattr(importlib.import_module(module), function))
    state = read_state(weights) if weights is not None else None
    if state is not None and all(name.startswith(("trunk.", "tail.", "classifier.")) for name in state):
        return _load_own(build(backbone.preprocessing.crop, None), state, backbone.name)
    try:
        return build(backbone.preprocessing.crop, state).eval()
    except (RuntimeError, KeyError) as error:
        raise DataError(f"{weights} does not hold the weights of {backbone.name}: {str(error)[:200]}") from error


def new_network(backbone: Backbone, seed: int) -> Network:
    """Return a backbone with random weights, the same for the same seed.

    Raises:
        MissingExtra: the backbone needs torchvision, which is not installed.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return load_network(backbone, None)


def _load_own(network: Network, state: State, name: str) -> Network:
    """Fill a network from a file that this project wrote (a distilled backbone)."""
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise DataError(f"The file does not hold a {name} of this program: {str(error)[:200]}") from error
    return network.eval()


def build_efficientnet_lite2(side: int, state: State | None) -> Network:
    """Return EfficientNet-Lite2; the last stage is everything at 1/32 of the picture's size."""
    whole = EfficientNetLite2(side)
    if state is not None:
        whole.load_state_dict(translate_names(state))
    blocks = list(whole.blocks)
    trunk = nn.Sequential(whole.stem, whole.stem_norm, nn.ReLU6(), *blocks[:LITE2_TRUNK_BLOCKS])
    head = (whole.head, whole.head_norm, nn.ReLU6(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return Network(trunk, nn.Sequential(*blocks[LITE2_TRUNK_BLOCKS:], *head), whole.classifier)


def build_resnet50(side: int, state: State | None) -> Network:
    """Return ResNet50 (He et al. 2015, with torchvision's stride in the 3x3)."""
    return _cut_resnet(import_torchvision_models().resnet50(), state)


def build_resnet18(side: int, state: State | None) -> Network:
    """Return ResNet18 (He et al. 2015)."""
    return _cut_resnet(import_torchvision_models().resnet18(), state)


def _cut_resnet(whole: Any, state: State | None) -> Network:
    if state is not None:
        whole.load_state_dict(state)
    stem = (whole.conv1, whole.bn1, whole.relu, whole.maxpool)
    trunk = nn.Sequential(*stem, whole.layer1, whole.layer2, whole.layer3)
    return Network(trunk, nn.Sequential(whole.layer4, nn.AdaptiveAvgPool2d(1), nn.Flatten()), whole.fc)


def build_vgg16(side: int, state: State | None) -> Network:
    """Return VGG16 (Simonyan and Zisserman 2014)."""
    return _cut_vgg(import_torchvision_models().vgg16(), state, VGG_TRUNK_LAYERS[16])


def build_vgg19(side: int, state: State | None) -> Network:
    """Return VGG19 (Simonyan and Zisserman 2014)."""
    return _cut_vgg(import_torchvision_models().vgg19(), state, VGG_TRUNK_LAYERS[19])


def _cut_vgg(whole: Any, state: State | None, n_trunk: int) -> Network:
    if state is not None:
        whole.load_state_dict(state)
    layers, dense = list(whole.features), list(whole.classifier)
    # At 224 pixels the maps already are 7 x 7, so torchvision's adaptive pooling to 7 x 7 changes nothing.
    tail = nn.Sequential(*layers[n_trunk:], nn.Flatten(), *dense[:-1])
    return Network(nn.Sequential(*layers[:n_trunk]), tail, dense[-1])


class SamePad(nn.Module):
    """Adds one row below and one column on the right, as TensorFlow pads a 3x3 stride-2 convolution."""

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, channels, side + 1, side + 1)."""
        return functional.pad(x, (0, 1, 0, 1))


def build_mobilenet_v2(side: int, state: State | None) -> Network:
    """Return MobileNetV2 (Sandler et al. 2018), batch norms folded away and padded as TensorFlow pads."""
    whole = import_torchvision_models().mobilenet_v2()
    for parent in list(whole.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, nn.BatchNorm2d):
                setattr(parent, name, nn.Identity())
            elif isinstance(layer, nn.Conv2d):
                setattr(parent, name, _with_bias_and_same_padding(layer))
    if state is not None:
        whole.load_state_dict(_without_wrapper_names(_dequantise(state), whole.state_dict()))
    blocks = list(whole.features)
    tail = nn.Sequential(*blocks[MOBILENET_TRUNK_BLOCKS:], nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return Network(nn.Sequential(*blocks[:MOBILENET_TRUNK_BLOCKS]), tail, whole.classifier[1])


def _with_bias_and_same_padding(layer: nn.Conv2d) -> nn.Module:
    is_strided = layer.stride == (2, 2)
    new = nn.Conv2d(
        layer.in_channels,
        layer.out_channels,
        cast(tuple[int, int], layer.kernel_size),
        cast(tuple[int, int], layer.stride),
        0 if is_strided else cast(tuple[int, int], layer.padding),
        groups=layer.groups,
    )
    return nn.Sequential(SamePad(), new) if is_strided else new


def _dequantise(state: State) -> State:
    """Return float32 weights from int8 rows with one scale per output channel."""
    plain: State = {}
    for name, value in state.items():
        if name.endswith(".weight_int8"):
            stem = name.removesuffix(".weight_int8")
            scale = state[f"{stem}.scale"].view(-1, *[1] * (value.dim() - 1))
            plain[f"{stem}.weight"] = value.to(torch.float32) * scale
        elif name.endswith(".bias"):
            plain[name] = value
    return plain


def _without_wrapper_names(state: State, wanted: State) -> State:
    """Return ``state`` under the names of ``wanted``, where a padded convolution sits one level deeper."""
    renamed: State = {}
    for name in wanted:
        stem, _, kind = name.rpartition(".")
        plain = name if name in state else f"{stem.removesuffix('.1')}.{kind}"
        renamed[name] = state[plain]
    return renamed


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
