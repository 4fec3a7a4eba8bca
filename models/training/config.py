"""The numbers that a classifier is trained by; plain data, so that reading a configuration costs no framework."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Trainable = Literal["head", "last-stage", "all"]
Loss = Literal["single", "multi"]
Precision = Literal["auto", "float32", "int8"]


@dataclass(frozen=True, slots=True)
class HeadConfig:
    """How a topic head is fitted on frozen features.

    Attributes:
        views: random views of each training picture beside its plain one.
        weight_decay: strength of the squared penalty on the weights, against the mean loss over pictures.
        label_smoothing: share of the target spread evenly over all topics, 0 to below 1.
        class_balance: 0 counts pictures equally, 1 counts topics equally; between, a power of the frequency.
        source_balance: the same for the sources of pictures.
        iterations: most steps of L-BFGS.
        loss: "single" is cross entropy over a softmax, several labels sharing the target; "multi" is binary cross
            entropy, each topic by itself.
    """

    views: int
    weight_decay: float
    label_smoothing: float
    class_balance: float
    source_balance: float
    iterations: int
    loss: Loss


@dataclass(frozen=True, slots=True)
class FineTuneConfig:
    """How layers of the backbone are trained, after the head was fitted.

    Attributes:
        epochs: most passes over the training pictures.
        patience: passes without a better val loss after which training stops.
        batch: pictures in a step.
        learning_rate: the highest; it rises over the first tenth of all steps and falls to 0 as a cosine.
        weight_decay: of AdamW.
        keep_imagenet: weight of staying with the untouched network's ImageNet probabilities (Li and Hoiem 2016,
            "Learning without Forgetting"); counts only where topics and ImageNet share the layers that are trained.
    """

    epochs: int
    patience: int
    batch: int
    learning_rate: float
    weight_decay: float
    keep_imagenet: float


@dataclass(frozen=True, slots=True)
class DistillationConfig:
    """How a network without weights learns from one that has them.

    Attributes:
        epochs: most passes over the pictures; patience is what makes it good, hundreds where there is a GPU.
        batch: pictures in a step.
        learning_rate: the highest.
        weight_decay: of AdamW.
        temperature: softens both networks' probabilities.
        mixup: share of steps whose pictures are mixed with each other.
        first_side: side of the student's first pictures, growing to its own.
        checkpoint_every: steps between checkpoints.
    """

    epochs: int
    batch: int
    learning_rate: float
    weight_decay: float
    temperature: float
    mixup: float
    first_side: int
    checkpoint_every: int
