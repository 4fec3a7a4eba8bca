"""EfficientNet-Lite2: the EfficientNet for phones, without squeeze-and-excitation and with ReLU6 (Google, 2020).

The layers follow Tan and Le 2019, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", with
the Lite changes of https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite: stem and head
keep their width, and the first and last stage keep their depth.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

from torch import Tensor, nn
from torch.nn import functional

WIDTH = 1.1
DEPTH = 1.2
BATCH_NORM_EPSILON = 1e-3
FEATURES = 1280


@dataclass(frozen=True, slots=True)
class Stage:
    """One row of EfficientNet-B0's table: how often a block is repeated, its kernel, stride, expansion and widths."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    width_in: int
    width_out: int


B0_STAGES = (
    Stage(1, 3, 1, 1, 32, 16),
    Stage(2, 3, 2, 6, 16, 24),
    Stage(2, 5, 2, 6, 24, 40),
    Stage(3, 3, 2, 6, 40, 80),
    Stage(3, 5, 1, 6, 80, 112),
    Stage(4, 5, 2, 6, 112, 192),
    Stage(1, 3, 1, 6, 192, 320),
)


def scaled_width(width: int) -> int:
    """Return a B0 width times 1.1, rounded to a multiple of 8 and never more than a tenth below."""
    wanted = width * WIDTH
    rounded = max(8, int(wanted + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * wanted else rounded


class SamePadConv(nn.Conv2d):
    """A convolution padded as TensorFlow's SAME would pad a square picture of ``side`` pixels.

    The padding is fixed when the layer is built, so that the exported graph has no shape arithmetic in it.
    """

    def __init__(self, width_in: int, width_out: int, kernel: int, stride: int, side: int, groups: int = 1) -> None:
        super().__init__(width_in, width_out, kernel, stride=stride, groups=groups, bias=False)
        total = max((math.ceil(side / stride) - 1) * stride + kernel - side, 0)
        self.before, self.after = total // 2, total - total // 2
        if self.before == self.after:
            self.padding = (self.before, self.before)

    def forward(self, x: Tensor) -> Tensor:
        """Return the convolution of (n, width_in, side, side)."""
        if self.before != self.after:
            x = functional.pad(x, (self.before, self.after, self.before, self.after))
        filtered: Tensor = super().forward(x)
        return filtered


class InvertedBottleneck(nn.Module):
    """Widen by 1x1, filter each channel by itself, narrow by 1x1; added to the input where the shapes agree."""

    def __init__(self, width_in: int, width_out: int, kernel: int, stride: int, expansion: int, side: int) -> None:
        super().__init__()
        wide = width_in * expansion
        self.expand = nn.Conv2d(width_in, wide, 1, bias=False) if expansion != 1 else None
        self.expand_norm = nn.BatchNorm2d(wide, eps=BATCH_NORM_EPSILON) if expansion != 1 else None
        self.depthwise = SamePadConv(wide, wide, kernel, stride, side, groups=wide)
        self.depthwise_norm = nn.BatchNorm2d(wide, eps=BATCH_NORM_EPSILON)
        self.project = nn.Conv2d(wide, width_out, 1, bias=False)
        self.project_norm = nn.BatchNorm2d(width_out, eps=BATCH_NORM_EPSILON)
        self.is_residual = stride == 1 and width_in == width_out

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, width_out, side / stride, side / stride)."""
        y = x
        if self.expand is not None and self.expand_norm is not None:
            y = functional.relu6(self.expand_norm(self.expand(y)))
        y = functional.relu6(self.depthwise_norm(self.depthwise(y)))
        y = cast(Tensor, self.project_norm(self.project(y)))
        return x + y if self.is_residual else y


class EfficientNetLite2(nn.Module):
    """EfficientNet-Lite2 with its 1000-class ImageNet layer.

    Args:
        side: height and width of the pictures that it will be given; fixes the padding.
    """

    def __init__(self, side: int = 260) -> None:
        super().__init__()
        self.stem = SamePadConv(3, 32, 3, 2, side)
        self.stem_norm = nn.BatchNorm2d(32, eps=BATCH_NORM_EPSILON)
        side = math.ceil(side / 2)
        blocks: list[nn.Module] = []
        for index, stage in enumerate(B0_STAGES):
            is_end = index in (0, len(B0_STAGES) - 1)
            repeats = stage.repeats if is_end else math.ceil(stage.repeats * DEPTH)
            width_in = 32 if index == 0 else scaled_width(stage.width_in)
            width_out = scaled_width(stage.width_out)
            for repeat in range(repeats):
                stride = stage.stride if repeat == 0 else 1
                blocks.append(
                    InvertedBottleneck(
                        width_in if repeat == 0 else width_out, width_out, stage.kernel, stride, stage.expansion, side
                    )
                )
                side = math.ceil(side / stride)
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Conv2d(scaled_width(B0_STAGES[-1].width_out), FEATURES, 1, bias=False)
        self.head_norm = nn.BatchNorm2d(FEATURES, eps=BATCH_NORM_EPSILON)
        self.classifier = nn.Linear(FEATURES, 1000)

    def features(self, x: Tensor) -> Tensor:
        """Return (n, 1280) pooled features of (n, 3, side, side)."""
        x = functional.relu6(self.stem_norm(self.stem(x)))
        x = functional.relu6(self.head_norm(self.head(self.blocks(x))))
        return functional.adaptive_avg_pool2d(x, 1).flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, 1000) ImageNet logits."""
        logits: Tensor = self.classifier(self.features(x))
        return logits


RENAMED = (
    ("_blocks.", "blocks."),
    ("_conv_stem.", "stem."),
    ("_conv_head.", "head."),
    ("_fc.", "classifier."),
    ("_expand_conv.", "expand."),
    ("_depthwise_conv.", "depthwise."),
    ("_project_conv.", "project."),
)


def translate_names(published: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the published state dict under this module's names.

    The published file numbers the batch norms of a block in the order they are applied, and the first block, which
    does not expand, has no ``_bn0``.
    """
    translated: dict[str, Tensor] = {}
    for name, value in published.items():
        new = name
        for old, replacement in RENAMED:
            new = new.replace(old, replacement)
        if new.startswith("blocks."):
            for old, replacement in (("_bn0", "expand_norm"), ("_bn1", "depthwise_norm"), ("_bn2", "project_norm")):
                new = new.replace(old, replacement)
        else:
            new = new.replace("_bn0", "stem_norm").replace("_bn1", "head_norm")
        translated[new] = value
    return translated
