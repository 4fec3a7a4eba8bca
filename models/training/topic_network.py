"""The network that ships: one backbone, two answers."""

from __future__ import annotations

import copy
import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.backbones.networks import Network
from models.training.config import Trainable
from models.training.head import FittedHead

SMALLEST = 1e-6
CLASS_SHARE = 0.5
MAP_SHARE = 0.5
N_CLASSES = 1000


class HeadInputs(nn.Module):
    """What a topic head reads: three views of one picture, each brought to a common length.

    - Roots of the pooled features, at unit length: the length of a feature vector says how much there is in a picture,
      not what, and the root keeps a few strong features from drowning the rest (Arandjelovic and Zisserman 2012,
      "Three things everyone should know to improve object retrieval").
    - Roots of the ImageNet probabilities, at half that length; their scalar product compares distributions.
    - Pooled maps of the trunk, standardised, at about half that length: texture and light, which the last stage drops
      because they do not tell ImageNet's classes apart.

    All three were chosen by leaving whole sources out of training.

    Args:
        centre: (map_width,) mean of the pooled maps over training pictures.
        spread: (map_width,) their standard deviation, above 0.
    """

    def __init__(self, centre: Tensor, spread: Tensor) -> None:
        super().__init__()
        self.register_buffer("centre", centre)
        self.register_buffer("factor", MAP_SHARE / math.sqrt(len(spread)) / spread)
        self.centre: Tensor
        self.factor: Tensor

    def forward(self, maps: Tensor, features: Tensor, imagenet_logits: Tensor) -> Tensor:
        """Return (n, width + 1000 + map_width) of (n, map_width), (n, width) not negative, and (n, 1000)."""
        roots = torch.sqrt(torch.clamp(features, min=0.0) + SMALLEST)
        length = torch.linalg.vector_norm(roots, dim=1, keepdim=True)
        classes = torch.sqrt(torch.softmax(imagenet_logits, dim=1) + SMALLEST)
        return torch.cat([roots / length, CLASS_SHARE * classes, (maps - self.centre) * self.factor], dim=1)


class TopicNetwork(nn.Module):
    """A backbone with its ImageNet layer and a topic head, in one forward pass.

    With ``last-stage`` the topics get their own copy of the last stage, so that training it leaves the ImageNet
    answers exactly as they were; with ``all`` both share every layer and the training loss has to keep them honest.
    """

    def __init__(self, network: Network, inputs: HeadInputs, width: int, n_topics: int, trainable: Trainable) -> None:
        super().__init__()
        self.network, self.inputs = network, inputs
        self.topic_tail = copy.deepcopy(network.tail) if trainable == "last-stage" else None
        self.head = nn.Linear(width + N_CLASSES + len(inputs.centre), n_topics)
        self.trainable = trainable
        self.requires_grad_(trainable == "all")
        if self.topic_tail is not None:
            self.topic_tail.requires_grad_(True)
        self.head.requires_grad_(True)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return (n, n_topics) topic logits and (n, 1000) ImageNet logits of (n, 3, side, side)."""
        maps = self.network.trunk(x)
        shared = self.network.tail(maps)
        imagenet_logits = self.network.classifier(shared)
        features = shared if self.topic_tail is None else self.topic_tail(maps)
        inputs = self.inputs(pool_maps(maps), features, imagenet_logits)
        return cast(Tensor, self.head(inputs)), imagenet_logits

    @torch.no_grad()
    def load_head(self, fitted: FittedHead) -> None:
        """Fill the head with what was fitted on the same inputs."""
        self.head.weight.copy_(torch.from_numpy(fitted.weight.T))
        self.head.bias.copy_(torch.from_numpy(fitted.bias))


def pool_maps(maps: Tensor) -> Tensor:
    """Return (n, map_width) means of (n, map_width, side, side) feature maps."""
    return functional.adaptive_avg_pool2d(maps, 1).flatten(1)
