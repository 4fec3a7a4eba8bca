"""Picture files of every kind, whole and broken."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from core.errors import BadInput, ImageTooLarge, UndecodableImage, UnsupportedImage
from models.classifier.decode import decode
from models.classifier.survey import sniff_format

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "BMP")


def encoded(image: Image.Image, format_name: str, **options: object) -> bytes:
    """Return a picture as a file of one format."""
    buffer = BytesIO()
    image.save(buffer, format_name, **options)
    return buffer.getvalue()


def scene(width: int = 64, height: int = 48) -> Image.Image:
    """Return a smooth picture whose corners differ."""
    y, x = np.mgrid[0:height, 0:width]
    pixels = np.stack([x * 255 // width, y * 255 // height, np.full_like(x, 128)], axis=2)
    return Image.fromarray(pixels.astype(np.uint8))


@pytest.mark.parametrize("format_name", FORMATS)
def test_every_promised_format_is_read(format_name: str) -> None:
    """A picture comes back in RGB with its size, whatever format it was saved in."""
    image = decode(encoded(scene(), format_name))
    assert (image.mode, image.size) == ("RGB", (64, 48))
    assert np.abs(np.asarray(image, int) - np.asarray(scene(), int)).mean() < 12


@pytest.mark.parametrize("data", [b"", b"hello", b"%PDF-1.7 ...", b"<svg/>", encoded(scene(), "TIFF"), b"\x00" * 400])
def test_other_content_is_unsupported(data: bytes) -> None:
    """What is no picture format that we read is named so, however it is called."""
    with pytest.raises(UnsupportedImage, match="JPEG"):
        decode(data)


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_truncated_picture_is_undecodable(format_name: str) -> None:
    """Half a file is refused rather than filled with grey."""
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (96, 96, 3)).astype(np.uint8))
    data = encoded(noise, format_name)
    with pytest.raises(UndecodableImage, match="truncated|header"):
        decode(data[: len(data) // 2])


@given(cut=st.integers(0, 400), flips=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=6))
@pytest.mark.parametrize("format_name", FORMATS)
def test_damage_never_raises_anything_else(format_name: str, cut: int, flips: list[tuple[int, int]]) -> None:
    """Whatever happens to a file on its way, it is read or refused by one of three errors."""
    data = bytearray(encoded(scene(24, 16), format_name))
    for at, value in flips:
        data[at % len(data)] = value
    try:
        image = decode(bytes(data[: len(data) - cut]))
    except BadInput:
        return
    assert image.mode == "RGB"


def png_header(width: int, height: int) -> bytes:
    """Return the first bytes of a PNG of any size."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))


@pytest.mark.parametrize(("width", "height"), [(7072, 7072), (20_000, 20_000), (60_000, 60_000)])
def test_a_huge_picture_is_refused_from_its_header(width: int, height: int) -> None:
    """More than 50 megapixels are refused although no pixel follows the header."""
    idat = struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    with pytest.raises(ImageTooLarge, match="50 million"):
        decode(png_header(width, height) + idat)


def test_exif_orientation_is_applied() -> None:
    """A photograph that the camera wrote lying on its side comes back upright."""
    exif = Image.Exif()
    exif[0x0112] = 6
    image = decode(encoded(scene(), "JPEG", exif=exif, quality=95))
    assert image.size == (48, 64)
    expected = scene().transpose(Image.Transpose.ROTATE_270)
    assert np.abs(np.asarray(image, int) - np.asarray(expected, int)).mean() < 12


def test_a_broken_exif_block_is_ignored() -> None:
    """Nonsense in the camera's notes does not cost the picture."""
    image = decode(encoded(scene(), "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff garbage"))
    assert image.size == (64, 48)


def test_cmyk_becomes_rgb() -> None:
    """A picture made for print keeps its colours."""
    image = decode(encoded(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=95))
    red, green, blue = np.asarray(image).reshape(-1, 3).mean(axis=0)
    assert red > 200
    assert max(green, blue) < 60


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    """Half of the 16-bit range is mid grey, not white."""
    grey = Image.fromarray(np.full((16, 16), 32_768, dtype=np.uint16))
    assert np.unique(np.asarray(decode(encoded(grey, "PNG")))).tolist() == [128]


def test_a_palette_becomes_its_colours() -> None:
    """A picture of few colours shows them, not their numbers."""
    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([0, 0, 0, 200, 100, 50])
    assert decode(encoded(palette, "PNG")).getpixel((0, 0)) == (200, 100, 50)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_is_laid_over_white(mode: str) -> None:
    """What is fully transparent is white, whatever colour hides below."""
    colour = (255, 0, 0, 0) if mode == "RGBA" else (0, 0)
    assert decode(encoded(Image.new(mode, (8, 8), colour), "PNG")).getpixel((0, 0)) == (255, 255, 255)


def test_a_transparent_palette_entry_is_white() -> None:
    """A GIF's see-through colour is paper."""
    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([0, 0, 0, 200, 100, 50])
    assert decode(encoded(palette, "GIF", transparency=1)).getpixel((0, 0)) == (255, 255, 255)


def test_the_first_frame_of_an_animation_counts() -> None:
    """An animated GIF is the picture that it starts with."""
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert decode(data).getpixel((0, 0)) == (255, 0, 0)


def test_a_large_jpeg_may_be_decoded_smaller_but_never_too_small() -> None:
    """With a side to keep, the shorter side stays at or above it and the picture is not decoded in full."""
    image = decode(encoded(scene(1600, 1200), "JPEG"), keep_side=400)
    assert 400 <= min(image.size) < 1200


def test_the_content_decides_not_the_name() -> None:
    """The format is told by the first bytes."""
    assert [sniff_format(encoded(scene(), name)) for name in FORMATS] == list(FORMATS)


def test_a_picture_of_many_strips_is_the_same_as_in_one_piece() -> None:
    """Transparency and 16 bits are turned into RGB strip by strip; nobody can tell where one ends."""
    noise = np.random.default_rng(0).integers(0, 256, (1300, 1000, 4), dtype=np.uint8)
    layered = Image.fromarray(noise, mode="RGBA")
    paper = Image.new("RGBA", layered.size, (255, 255, 255, 255))
    expected = np.asarray(Image.alpha_composite(paper, layered).convert("RGB"))
    file = BytesIO()
    layered.save(file, "PNG", compress_level=1)
    assert np.array_equal(np.asarray(decode(file.getvalue())), expected)
    deep = noise[..., 0].astype(np.uint16) * 256 + noise[..., 1]
    file = BytesIO()
    Image.fromarray(deep).save(file, "PNG", compress_level=1)
    assert np.array_equal(np.asarray(decode(file.getvalue()))[..., 0], noise[..., 0])
