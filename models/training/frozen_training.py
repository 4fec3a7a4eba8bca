"""Trains a topic head on a frozen backbone: features, head, photo energy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from models.backbones.networks import Network
from models.backbones.registry import Backbone
from models.classifier.preprocess import prepare
from models.labelled.topic_folder import LabelledPicture, TopicFolder, source_weights
from models.training.config import HeadConfig
from models.training.features import Extract, FeatureRecipe, compute_features, hash_weights, open_extractor
from models.training.head import FittedHead, Floats, add_photo_energy, fit_head, flatten_views, topic_weights
from models.training.noise_pictures import draw_noise_pictures
from models.training.topic_network import HeadInputs, pool_maps

CHUNK = 4096
SMALLEST_SPREAD = 1e-3


class Body(nn.Module):
    """The part of a network that makes pooled features, from its last stage and its trunk."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.trunk, self.tail = network.trunk, network.tail

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (n, width + map_width) pooled features and pooled maps of (n, 3, side, side)."""
        maps = self.trunk(x)
        return torch.cat([self.tail(maps), pool_maps(maps)], dim=1)


@dataclass(frozen=True, slots=True)
class FrozenBackbone:
    """A backbone that turns pictures into pooled features and is not trained.

    Attributes:
        network: with its weights, in eval mode.
        width: of its pooled features; pooled maps follow them.
        extract: pixels to (n, width + map_width).
        recipe: how features are made, without random views.
        cache: folder where features are kept.
        workers: pictures computed at the same time.
    """

    network: Network
    width: int
    extract: Extract
    recipe: FeatureRecipe
    cache: Path
    workers: int

    @classmethod
    def open(cls, backbone: Backbone, network: Network, cache: Path, workers: int, seed: int) -> FrozenBackbone:
        """Return the backbone ready to extract, its features kept in ``cache``."""
        cache.mkdir(parents=True, exist_ok=True)
        body = Body(network)
        recipe = FeatureRecipe(hash_weights([body]), backbone.preprocessing, 0, seed)
        extract = open_extractor(body, backbone.preprocessing.crop, cache)
        return cls(network, backbone.width, extract, recipe, cache, workers)

    def of_files(
        self, pictures: Sequence[LabelledPicture], views: int, advance: Callable[[float], object] = lambda _: None
    ) -> Floats:
        """Return (n, 1 + views, width + map_width) features of picture files, the plain view first.

        Raises:
            DataError: a file is not a readable picture.
        """
        recipe = replace(self.recipe, views=views)
        paths = [picture.path for picture in pictures]
        return compute_features(paths, recipe, self.extract, self.cache, self.workers, advance)

    def of_images(self, images: Iterable[Image.Image]) -> Floats:
        """Return (n, 1, width + map_width) features of pictures in memory."""
        spec = self.recipe.preprocessing
        return np.stack([self.extract(prepare(image, spec)[None]) for image in images])

    def fit_inputs(self, features: Floats) -> HeadInputs:
        """Return head inputs whose maps are standardised by the plain views of (n, 1 + views, ...) features."""
        maps = torch.from_numpy(features[:, 0, self.width :])
        return HeadInputs(maps.mean(dim=0), maps.std(dim=0, correction=0) + SMALLEST_SPREAD)

    @torch.no_grad()
    def head_inputs(self, inputs: HeadInputs, features: Floats) -> Floats:
        """Return (n, views, n_inputs) what a head reads, of (n, views, width + map_width) features."""
        flat = torch.from_numpy(features.reshape(-1, features.shape[2]))
        classifier = self.network.classifier.cpu()
        parts = [
            inputs(chunk[:, self.width :], chunk[:, : self.width], classifier(chunk[:, : self.width])).numpy()
            for chunk in torch.split(flat, CHUNK)
        ]
        return np.concatenate(parts).reshape(*features.shape[:2], -1)


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """Training pictures as a head sees them.

    Attributes:
        pictures: n of them.
        inputs: (n, 1 + views, n_inputs) what a head reads.
        labels: (n, n_topics) 0 and 1.
        weights: (n,) how much each counts.
    """

    pictures: tuple[LabelledPicture, ...]
    inputs: Floats
    labels: Floats
    weights: Floats

    def fit(self, config: HeadConfig) -> FittedHead:
        """Return the head fitted on all views of all pictures."""
        return fit_head(*flatten_views(self.inputs, self.labels, self.weights), config)


def use_one_thread() -> None:
    """Let torch add up in one order: sums in another order are other sums, and would give another classifier."""
    torch.set_num_threads(1)


def read_training_set(
    folder: TopicFolder, frozen: FrozenBackbone, config: HeadConfig, advance: Callable[[float], object]
) -> tuple[TrainingSet, HeadInputs]:
    """Return the train split of ``folder`` as head inputs with weights, and what makes the inputs.

    Raises:
        DataError: a file is not a readable picture.
    """
    pictures = folder.of_split("train")
    labels = folder.label_matrix(pictures)
    weights = topic_weights(labels, config.class_balance) * source_weights(pictures, config.source_balance)
    features = frozen.of_files(pictures, config.views, advance)
    inputs = frozen.fit_inputs(features)
    return TrainingSet(pictures, frozen.head_inputs(inputs, features), labels, weights), inputs


def with_photo_energy(
    head: FittedHead, training: TrainingSet, frozen: FrozenBackbone, inputs: HeadInputs, n_noise: int, seed: int
) -> FittedHead:
    """Return the head, its logits' sum telling photographs from ``n_noise`` generated noise pictures."""
    noise = frozen.head_inputs(inputs, frozen.of_images(draw_noise_pictures(n_noise, seed)))[:, 0]
    return add_photo_energy(head, training.inputs.reshape(-1, training.inputs.shape[2]), noise)
