"""A backbone of a few thousand weights, cut as the real ones are, and pictures that it can learn to tell apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from models.backbones.networks import Network
from models.backbones.registry import Backbone
from models.classifier.preprocess import Preprocessing

SIDE = 32
WIDTH = 12
MAP_WIDTH = 8
SPEC = Preprocessing(SIDE, SIDE, "bicubic", (127.0, 127.0, 127.0), (128.0, 128.0, 128.0))
TINY = Backbone(
    name="tiny",
    width=WIDTH,
    preprocessing=SPEC,
    builder="tests.support.tiny_network:build_tiny",
    weight_file="tiny.safetensors",
    package=None,
    url=None,
    what="nothing",
    licence="none",
    source="nowhere",
)
COLOURS = {"leaves": (40, 160, 50), "night": (20, 20, 60), "sunset": (230, 120, 60)}


def build_tiny(side: int, state: dict[str, torch.Tensor] | None) -> Network:
    """Return the network; ``state`` is there for the registry's sake."""
    trunk = nn.Sequential(nn.Conv2d(3, MAP_WIDTH, 3, stride=2), nn.BatchNorm2d(MAP_WIDTH), nn.ReLU())
    tail = nn.Sequential(nn.Conv2d(MAP_WIDTH, WIDTH, 3, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return Network(trunk, tail, nn.Linear(WIDTH, 1000))


def tiny_network(seed: int = 0) -> Network:
    """Return the network in eval mode with weights that follow from the seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build_tiny(SIDE, None).eval()


def coloured_picture(topic: str, seed: int) -> Image.Image:
    """Return a blotchy picture in one of three colours."""
    rng = np.random.default_rng(seed)
    cells = np.array(COLOURS[topic]) + rng.normal(0, 25, (6, 6, 3))
    return Image.fromarray(np.clip(cells, 0, 255).astype(np.uint8)).resize((48, 40), Image.Resampling.BICUBIC)


def write_coloured_topics(root: Path, per_topic: int = 12) -> Path:
    """Write a folder of folders of coloured pictures, four sources each, and return it."""
    for topic in COLOURS:
        (root / topic).mkdir(parents=True)
        for number in range(per_topic):
            name = f"{topic}-{number % 4}_{number:03}.jpg"
            coloured_picture(topic, hash_free_seed(topic, number)).save(root / topic / name, quality=95)
    return root


def hash_free_seed(topic: str, number: int) -> int:
    """Return a seed that is the same in every process."""
    return sum(map(ord, topic)) * 1000 + number
