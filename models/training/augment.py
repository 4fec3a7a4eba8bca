"""Random views of a training picture: what cameras, filters and croppers do to photographs before they are posted."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from models.classifier.preprocess import Preprocessing, resize_box, to_array

Box = tuple[float, float, float, float]


def random_box(rng: np.random.Generator, width: int, height: int, smallest: float) -> Box:
    """Return a random crop of ``smallest`` to 1 times the area and 3:4 to 4:3 in shape (Szegedy et al. 2015)."""
    for _ in range(10):
        area = width * height * rng.uniform(smallest, 1.0)
        ratio = math.exp(rng.uniform(math.log(3 / 4), math.log(4 / 3)))
        wide, high = math.sqrt(area * ratio), math.sqrt(area / ratio)
        if wide <= width and high <= height:
            left, top = rng.uniform(0, width - wide), rng.uniform(0, height - high)
            return left, top, left + wide, top + high
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    return left, top, left + side, top + side


def jitter_colour(rng: np.random.Generator, image: Image.Image, strength: float) -> Image.Image:
    """Return the picture with brightness, contrast and saturation each scaled by 1 - strength to 1 + strength."""
    for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        image = enhance(image).enhance(rng.uniform(1 - strength, 1 + strength))
    return image


def tint(rng: np.random.Generator, image: Image.Image) -> Image.Image:
    """Return the picture blended with one colour, as photo filters do."""
    colour = tuple(int(value) for value in rng.integers(0, 256, size=3))
    return Image.blend(image, Image.new("RGB", image.size, colour), float(rng.uniform(0.05, 0.25)))


def add_border(rng: np.random.Generator, image: Image.Image) -> Image.Image:
    """Return the picture in a plain white, black or grey frame on two or four sides."""
    grey = int(rng.choice([255, 255, 0, int(rng.integers(0, 256))]))
    wide, high = (int(side * rng.uniform(0.03, 0.2)) for side in image.size)
    if rng.random() < 0.5:
        wide, high = (0, high) if rng.random() < 0.5 else (wide, 0)
    return ImageOps.expand(image, (wide, high, wide, high), fill=(grey, grey, grey))


def random_view(
    image: Image.Image, spec: Preprocessing, rng: np.random.Generator, smallest: float = 0.35
) -> NDArray[np.float32]:
    """Return one random view as (3, crop, crop) float32: border, crop, mirror, colour, tint, grey, blur."""
    if rng.random() < 0.15:
        image = add_border(rng, image)
    view = resize_box(image, random_box(rng, image.width, image.height, smallest), spec)
    if rng.random() < 0.5:
        view = ImageOps.mirror(view)
    changes: list[tuple[float, Callable[[Image.Image], Image.Image]]] = [
        (0.8, lambda picture: jitter_colour(rng, picture, 0.4)),
        (0.2, lambda picture: tint(rng, picture)),
        (0.15, lambda picture: ImageOps.grayscale(picture).convert("RGB")),
        (0.1, lambda picture: picture.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.5, 2.0))))),
    ]
    for chance, change in changes:
        if rng.random() < chance:
            view = change(view)
    return to_array(view, spec)
