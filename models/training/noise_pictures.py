"""Pictures of nothing, to learn how the network answers when there is nothing to see."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

SIDE = 320
Pixels = NDArray[np.floating] | NDArray[np.integer]


def draw_noise_pictures(n_pictures: int, seed: int) -> Iterator[Image.Image]:
    """Yield ``n_pictures`` RGB pictures without content, the kinds taking turns; the same for the same seed."""
    for index in range(n_pictures):
        rng = np.random.default_rng([seed, index])
        yield KINDS[index % len(KINDS)](rng)


def _picture(pixels: Pixels) -> Image.Image:
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _uniform(rng: np.random.Generator) -> Image.Image:
    return _picture(rng.integers(0, 256, size=(SIDE, SIDE, 3)))


def _gaussian(rng: np.random.Generator) -> Image.Image:
    return _picture(rng.normal(rng.uniform(64, 192), rng.uniform(10, 80), size=(SIDE, SIDE, 3)))


def _grey(rng: np.random.Generator) -> Image.Image:
    return _picture(np.repeat(rng.integers(0, 256, size=(SIDE, SIDE, 1)), 3, axis=2))


def _coarse(rng: np.random.Generator) -> Image.Image:
    cells = int(rng.integers(4, 40))
    return _picture(rng.integers(0, 256, size=(cells, cells, 3))).resize((SIDE, SIDE), Image.Resampling.BICUBIC)


def _flat(rng: np.random.Generator) -> Image.Image:
    return Image.new("RGB", (SIDE, SIDE), tuple(int(value) for value in rng.integers(0, 256, size=3)))


def _gradient(rng: np.random.Generator) -> Image.Image:
    start, end = rng.uniform(0, 255, size=(2, 1, 1, 3))
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    along = (x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle) + 0.5
    return _picture(start + (end - start) * along[..., None])


def _stripes(rng: np.random.Generator) -> Image.Image:
    colours = rng.uniform(0, 255, size=(2, 3))
    angle, period = rng.uniform(0, np.pi), rng.uniform(4, 60)
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    band = np.floor((x * np.cos(angle) + y * np.sin(angle)) / period).astype(int) % 2
    return _picture(colours[band])


def _shapes(rng: np.random.Generator) -> Image.Image:
    image = _flat(rng)
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(2, 12))):
        (left, right), (top, bottom) = np.sort(rng.integers(0, SIDE, size=(2, 2)), axis=1).tolist()
        fill = tuple(int(value) for value in rng.integers(0, 256, size=3))
        (draw.rectangle if rng.random() < 0.5 else draw.ellipse)((left, top, right, bottom), fill=fill)
    return image


KINDS: tuple[Callable[[np.random.Generator], Image.Image], ...] = (
    _uniform,
    _gaussian,
    _grey,
    _coarse,
    _flat,
    _gradient,
    _stripes,
    _shapes,
)
