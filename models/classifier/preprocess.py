"""The one way a picture becomes numbers, in training as in serving."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.errors import BundleCorrupt
from core.images import SurveyedPicture
from models.classifier.decode import decode
from models.classifier.survey import survey

Interpolation = Literal["bicubic", "bilinear"]
RESAMPLING: dict[str, Image.Resampling] = {
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
}
IMAGENET_MEAN = (0.485 * 255, 0.456 * 255, 0.406 * 255)
IMAGENET_SCALE = (0.229 * 255, 0.224 * 255, 0.225 * 255)


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How a network wants its pictures; a value of pixels 0 to 255 becomes ``(value - mean) / scale``.

    Attributes:
        resize: the short side is brought to this many pixels,
        crop: and the centre square of this many pixels is kept.
        interpolation: filter of the resize; always antialiased.
        mean: subtracted per channel (red, green, blue), in pixel values.
        scale: divided by per channel, in pixel values.
    """

    resize: int
    crop: int
    interpolation: Interpolation
    mean: tuple[float, float, float]
    scale: tuple[float, float, float]

    def to_dict(self) -> dict[str, Any]:
        """Return the plain form that a manifest holds; ``from_dict`` reads it back equal."""
        plain = asdict(self)
        return plain | {"mean": list(self.mean), "scale": list(self.scale)}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Preprocessing:
        """Return the description that ``to_dict`` wrote.

        Raises:
            BundleCorrupt: a field is missing, unknown or of the wrong kind.
        """
        try:
            mean, scale = (tuple(float(value) for value in plain[name]) for name in ("mean", "scale"))
            spec = cls(**{**plain, "mean": mean, "scale": scale})
            if len(mean) != 3 or len(scale) != 3 or not all(scale) or not 0 < int(spec.crop) <= int(spec.resize):
                raise ValueError(plain)
            RESAMPLING[spec.interpolation]
        except (KeyError, TypeError, ValueError) as error:
            raise BundleCorrupt("The preprocessing facts are malformed. Train or fetch the bundle again.") from error
        return spec


def centre_box(width: int, height: int, spec: Preprocessing) -> tuple[float, float, float, float]:
    """Return left, top, right, bottom of the square that is kept, in pixels of the undivided picture."""
    kept = min(width, height) * spec.crop / spec.resize
    left, top = (width - kept) / 2, (height - kept) / 2
    return left, top, left + kept, top + kept


def resize_box(image: Image.Image, box: tuple[float, float, float, float], spec: Preprocessing) -> Image.Image:
    """Return the part of ``image`` inside ``box`` as a square of ``spec.crop`` pixels.

    Cropping inside the resize reads the same pixels as resizing first, without computing those that are thrown away.
    """
    return image.resize((spec.crop, spec.crop), RESAMPLING[spec.interpolation], box=box)


def to_array(square: Image.Image, spec: Preprocessing) -> NDArray[np.float32]:
    """Return a square RGB picture as (3, crop, crop) float32, centred and scaled."""
    pixels = np.asarray(square, dtype=np.float32)
    mean, scale = np.asarray(spec.mean, np.float32), np.asarray(spec.scale, np.float32)
    return np.ascontiguousarray(((pixels - mean) / scale).transpose(2, 0, 1))


def prepare(image: Image.Image, spec: Preprocessing) -> NDArray[np.float32]:
    """Return an upright RGB picture as (3, crop, crop) float32, ready for the network."""
    return to_array(resize_box(image, centre_box(image.width, image.height, spec), spec), spec)


def survey_for(data: bytes, spec: Preprocessing) -> SurveyedPicture:
    """Return what one picture file holds, counted for decoding it no larger than is useful.

    Raises:
        UnsupportedImage, UndecodableImage, ImageTooLarge: as ``models.classifier.survey.survey`` says.
    """
    return survey(data, keep_side=2 * spec.resize)


def prepare_bytes(picture: bytes | SurveyedPicture, spec: Preprocessing) -> NDArray[np.float32]:
    """Return one picture as (3, crop, crop) float32, decoded no larger than is useful.

    Args:
        picture: the file, or what ``survey_for`` said of it.
        spec: how the network wants it.

    Raises:
        UnsupportedImage, UndecodableImage, ImageTooLarge: as ``models.classifier.decode.decode`` says.
    """
    return prepare(decode(picture, keep_side=2 * spec.resize), spec)
