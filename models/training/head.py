"""Fits a topic head on frozen features, calibrates its probabilities, and teaches it to tell photographs from noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from models.training.config import HeadConfig, Loss

TEMPERATURES = np.geomspace(0.1, 10.0, 400)
ENERGY_WEIGHT_DECAY = 1e-4
ENERGY_ITERATIONS = 100
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class FittedHead:
    """A linear layer.

    Attributes:
        weight: (width, n_topics) float32.
        bias: (n_topics,) float32.
    """

    weight: Floats
    bias: Floats

    def logits(self, inputs: Floats) -> Floats:
        """Return (n, n_topics) logits of (n, width) head inputs."""
        return (inputs @ self.weight + self.bias).astype(np.float32)


def smooth_targets(labels: Tensor, smoothing: float, loss: Loss) -> Tensor:
    """Return what (n, n_topics) labels of 0 and 1 are trained towards.

    For "single" the labels of a picture share 1, of which ``smoothing`` is spread over all topics (Szegedy et al.
    2016); for "multi" each topic is drawn towards one half by itself.
    """
    if loss == "multi":
        return labels * (1 - smoothing) + smoothing / 2
    return labels / labels.sum(dim=1, keepdim=True) * (1 - smoothing) + smoothing / labels.shape[1]


def topic_weights(labels: Floats, balance: float) -> Floats:
    """Return (n,) weights of mean 1: a picture counts as its topics' frequency to the power ``-balance``."""
    share = labels / labels.sum(axis=1, keepdims=True)
    weights = share @ np.maximum(share.sum(axis=0), 1e-9) ** -balance
    return np.asarray(weights / weights.mean(), dtype=np.float32)


def topic_loss(logits: Tensor, targets: Tensor, weights: Tensor, loss: Loss) -> Tensor:
    """Return the weighted mean loss of (n, n_topics) logits."""
    if loss == "multi":
        each = functional.binary_cross_entropy_with_logits(logits, targets, reduction="none").sum(dim=1)
    else:
        each = -(targets * functional.log_softmax(logits, dim=1)).sum(dim=1)
    return (each * weights).sum() / weights.sum()


def fit_head(inputs: Floats, labels: Floats, weights: Floats, config: HeadConfig) -> FittedHead:
    """Return the head that minimises the loss plus the squared weights: one optimum, so no seed.

    Args:
        inputs: (n, width) what the head reads.
        labels: (n, n_topics) 0 and 1, at least one 1 a row.
        weights: (n,) how much each row counts.
        config: the numbers.
    """
    x, given = torch.from_numpy(inputs), torch.from_numpy(labels)
    targets = smooth_targets(given, config.label_smoothing, config.loss)
    counts = torch.from_numpy(weights)
    weight = torch.zeros(inputs.shape[1], labels.shape[1], requires_grad=True)
    bias = torch.zeros(labels.shape[1], requires_grad=True)
    optimiser = torch.optim.LBFGS(
        [weight, bias], max_iter=config.iterations, history_size=10, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimiser.zero_grad()
        value = topic_loss(x @ weight + bias, targets, counts, config.loss)
        value = value + config.weight_decay / 2 * weight.square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimiser.step(closure)  # type: ignore[no-untyped-call]
    return FittedHead(weight.detach().numpy(), bias.detach().numpy())


def softmax(logits: NDArray[np.floating], temperature: float = 1.0) -> Floats:
    """Return (n, k) probabilities of (n, k) logits divided by ``temperature``."""
    scaled = logits.astype(np.float64) / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    powers = np.exp(scaled)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float32)


def fit_temperature(sets: Sequence[tuple[Floats, Floats]]) -> float:
    """Return the temperature under which right topics are most likely.

    A picture with several topics counts as right under any of them, as it does when top-1 is scored. (Guo et al. 2017,
    "On Calibration of Modern Neural Networks".)

    Args:
        sets: (n, n_topics) logits and labels each; every set counts equally, however many pictures it has.
    """

    def surprise(temperature: float) -> float:
        each = [-np.log((softmax(logits, temperature) * labels).sum(axis=1) + 1e-12).mean() for logits, labels in sets]
        return float(np.mean(each))

    return float(min(TEMPERATURES, key=surprise))


def held_out_logits(
    inputs: Floats, labels: Floats, weights: Floats, groups: NDArray[np.int64], config: HeadConfig
) -> Floats:
    """Return (n, n_topics) logits, each from a head that has not seen the picture's group.

    Args:
        inputs: (n, views, width) head inputs; all views are learnt from, the first is scored.
        labels: (n, n_topics).
        weights: (n,) how much each picture counts.
        groups: (n,) group of each picture, such as a bundle of sources.
        config: how the heads are fitted.
    """
    logits = np.zeros(labels.shape, dtype=np.float32)
    for group in np.unique(groups):
        held = groups == group
        head = fit_head(*flatten_views(inputs[~held], labels[~held], weights[~held]), config)
        logits[held] = head.logits(inputs[held, 0])
    return logits


def flatten_views(inputs: Floats, labels: Floats, weights: Floats) -> tuple[Floats, Floats, Floats]:
    """Return (n * views, width) inputs with the labels and weights of their pictures."""
    views = inputs.shape[1]
    return inputs.reshape(-1, inputs.shape[2]), np.repeat(labels, views, axis=0), np.repeat(weights, views)


def add_photo_energy(head: FittedHead, photographs: Floats, noise: Floats) -> FittedHead:
    """Return the head with one linear function added to all its logits, so that they say if there is a photograph.

    Softmax does not feel a number that is added to all logits of a picture, so that number is free to carry something
    else. It is chosen such that log-sum-exp of the topic logits is the log-odds of the picture being a photograph
    rather than noise: the free energy of Liu et al. 2020, "Energy-based Out-of-distribution Detection", without
    touching one topic probability. (The energy of the untouched ImageNet logits does not do it: noise excites them as
    much as photographs do.)

    Args:
        head: a fitted head.
        photographs: (n, width) head inputs of photographs.
        noise: (m, width) head inputs of noise pictures; both sides count equally, whatever n and m.
    """
    x = torch.from_numpy(np.concatenate([photographs, noise]))
    offset = torch.logsumexp(torch.from_numpy(head.logits(x.numpy())), dim=1)
    is_photo = torch.cat([torch.ones(len(photographs)), torch.zeros(len(noise))])
    share = torch.where(is_photo > 0, 0.5 / len(photographs), 0.5 / len(noise))
    slope = torch.zeros(x.shape[1], requires_grad=True)
    shift = torch.zeros(1, requires_grad=True)
    optimiser = torch.optim.LBFGS([slope, shift], max_iter=ENERGY_ITERATIONS, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        odds = offset + x @ slope + shift
        value = functional.binary_cross_entropy_with_logits(odds, is_photo, weight=share, reduction="sum")
        value = value + ENERGY_WEIGHT_DECAY / 2 * slope.square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimiser.step(closure)  # type: ignore[no-untyped-call]
    return FittedHead(head.weight + slope.detach().numpy()[:, None], head.bias + float(shift.detach()))
