"""From an upright picture to numbers."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from core.errors import BundleCorrupt
from models.classifier.preprocess import Preprocessing, centre_box, prepare, prepare_bytes

SPEC = Preprocessing(32, 24, "bicubic", (127.0, 127.0, 127.0), (128.0, 128.0, 128.0))


def photograph(width: int, height: int) -> Image.Image:
    """Return something smooth in colour."""
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 256, (6, 6, 3)).astype(np.uint8))
    return coarse.resize((width, height), Image.Resampling.BICUBIC)


@pytest.mark.parametrize("size", [(200, 100), (100, 200), (24, 24), (7, 300), (1, 1)])
def test_any_shape_becomes_the_square_that_was_asked_for(size: tuple[int, int]) -> None:
    """Wide, tall, tiny: always three channels of the crop's size in float32."""
    pixels = prepare(photograph(*size), SPEC)
    assert pixels.shape == (3, 24, 24)
    assert pixels.dtype == np.float32
    assert pixels.flags["C_CONTIGUOUS"]


def test_values_are_centred_and_scaled_by_channel() -> None:
    """A flat colour comes out as (value - mean) / scale, channel by channel."""
    spec = Preprocessing(8, 8, "bilinear", (10.0, 20.0, 30.0), (1.0, 2.0, 4.0))
    pixels = prepare(Image.new("RGB", (20, 20), (12, 24, 38)), spec)
    assert pixels.mean(axis=(1, 2)).tolist() == pytest.approx([2.0, 2.0, 2.0])


def test_cropping_inside_the_resize_equals_resizing_first() -> None:
    """The quick way gives what resizing the whole picture and cropping its centre gives."""
    image = photograph(320, 320)
    slow = image.resize((32, 32), Image.Resampling.BICUBIC).crop((4, 4, 28, 28))
    expected = (np.asarray(slow, np.float32).transpose(2, 0, 1) - 127) / 128
    assert np.abs(prepare(image, SPEC) - expected).max() < 0.05


def test_the_kept_box_is_centred_and_square() -> None:
    """Equal margins left and right, and above and below."""
    left, top, right, bottom = centre_box(300, 200, SPEC)
    assert right - left == pytest.approx(bottom - top) == pytest.approx(150)
    assert left == pytest.approx(300 - right)
    assert top == pytest.approx(200 - bottom)


def test_decoding_smaller_hardly_changes_the_numbers() -> None:
    """A large JPEG read at reduced size is prepared as if it had been read in full."""
    buffer = BytesIO()
    photograph(1200, 900).save(buffer, "JPEG", quality=92)
    full = prepare(Image.open(BytesIO(buffer.getvalue())), SPEC)
    assert np.abs(prepare_bytes(buffer.getvalue(), SPEC) - full).max() < 0.05


def test_a_description_survives_writing() -> None:
    """What a manifest holds reads back equal."""
    assert Preprocessing.from_dict(SPEC.to_dict()) == SPEC


@pytest.mark.parametrize(
    "change",
    [{"crop": 64}, {"scale": [0, 1, 1]}, {"interpolation": "cubist"}, {"mean": [1, 2]}, {"extra": 1}, {"resize": None}],
)
def test_a_malformed_description_is_refused(change: dict[str, object]) -> None:
    """Numbers that cannot be are found when the bundle is opened."""
    with pytest.raises(BundleCorrupt, match="Train or fetch"):
        Preprocessing.from_dict({**SPEC.to_dict(), **change})
