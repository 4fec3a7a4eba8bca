"""Teaches the topic logits to say, by their sum alone, whether there is a photograph at all.

Softmax does not feel a number that is added to all logits of a picture, so that number is free to carry something
else. It is chosen such that log-sum-exp of the topic logits is the log-odds of the picture being a photograph rather
than noise: the free energy of Liu et al. 2020, "Energy-based Out-of-distribution Detection", made to mean something,
without touching one topic probability. (The energy of the untouched ImageNet logits does not do it: noise excites
them as much as photographs do.)
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from models.training.head import FittedHead, Floats

WEIGHT_DECAY = 1e-4
ITERATIONS = 100
QUANTILES = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9)


def add_photo_energy(head: FittedHead, photographs: Floats, noise: Floats) -> FittedHead:
    """Return the head with one linear function added to all its logits.

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
    optimiser = torch.optim.LBFGS([slope, shift], max_iter=ITERATIONS, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        odds = offset + x @ slope + shift
        value = functional.binary_cross_entropy_with_logits(odds, is_photo, weight=share, reduction="sum")
        value = value + WEIGHT_DECAY / 2 * slope.square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimiser.step(closure)  # type: ignore[no-untyped-call]
    return FittedHead(head.weight + slope.detach().numpy()[:, None], head.bias + float(shift.detach()))


def energies(topic_logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return (n,) log-sum-exp of (n, n_topics) logits, in nats."""
    return np.asarray(np.logaddexp.reduce(topic_logits.astype(np.float64), axis=1))


def energy_quantiles(values: NDArray[np.float64]) -> Mapping[str, float]:
    """Return chosen quantiles of (n,) energies, keyed by their share."""
    return {str(share): round(float(np.quantile(values, share)), 4) for share in QUANTILES}
