"""Picture files in, upright 8-bit RGB out; everything that is not a picture we read is refused before it costs much."""

from __future__ import annotations

from contextlib import suppress
from io import BytesIO

import numpy as np
from PIL import Image, ImageOps

from core.errors import ImageTooLarge, UndecodableImage, UnsupportedImage
from core.images import MAX_PIXELS, READABLE

SIXTEEN_BIT_MODES = ("I", "I;16", "I;16L", "I;16B", "I;16N")
STRIP_PIXELS = 1_000_000
ALPHA_MODES = ("RGBA", "RGBa", "LA", "La", "PA")


def sniff_format(data: bytes) -> str | None:
    """Return Pillow's name of the format that the first bytes announce, or None when it is not one that we read."""
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp" and any(brand in data[8:64] for brand in (b"avif", b"avis")):
        return "AVIF"
    if data.startswith(b"BM"):
        return "BMP"
    return None


def decode(data: bytes, *, keep_side: int | None = None) -> Image.Image:
    """Return one picture file as an upright RGB picture, transparency laid over white.

    Args:
        data: the whole file; its name and declared type play no part.
        keep_side: a JPEG may be decoded at a half, quarter or eighth of its size as long as both sides keep at least
            this many pixels; None decodes in full.

    Returns:
        The first frame, EXIF orientation applied, mode RGB.

    Raises:
        UnsupportedImage: the content is of no format that we read.
        UndecodableImage: the file is truncated or broken.
        ImageTooLarge: the header announces more than 50 megapixels; nothing was decoded.
    """
    format_name = sniff_format(data)
    if format_name is None:
        raise UnsupportedImage(f"The file is not a picture that can be read. Send {READABLE}.")
    try:
        image: Image.Image = Image.open(BytesIO(data), formats=[format_name])
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageTooLarge(_too_large_message(None)) from error
    except Exception as error:  # a decoder fed with hostile bytes may raise nearly anything
        raise UndecodableImage(f"The {format_name} header is broken. Save the picture again and resend it.") from error
    n_pixels = image.width * image.height
    if n_pixels > MAX_PIXELS:
        raise ImageTooLarge(_too_large_message(n_pixels))
    try:
        if keep_side is not None and format_name == "JPEG" and image.mode in ("RGB", "L"):
            image.draft(image.mode, (keep_side, keep_side))
        image.load()
        return _to_rgb(_upright(image))
    except Exception as error:
        raise UndecodableImage(
            f"The {format_name} picture is truncated or broken. Save it again and resend it."
        ) from error


def _too_large_message(n_pixels: int | None) -> str:
    found = "too many" if n_pixels is None else f"{n_pixels / 1e6:.0f} million"
    return f"The picture has {found} pixels; at most {MAX_PIXELS // 1_000_000} million are read. Send a smaller copy."


def _upright(image: Image.Image) -> Image.Image:
    with suppress(Exception):  # a broken EXIF block says nothing about the pixels, which are fine
        # In place: otherwise a picture that stands upright already is copied.
        ImageOps.exif_transpose(image, in_place=True)
    return image


def _to_rgb(image: Image.Image) -> Image.Image:
    """Return the picture as RGB, made strip by strip: half-way forms of a whole one would take three times its size."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    whole = Image.new("RGB", image.size)
    n_rows = max(1, STRIP_PIXELS // image.width)
    for top in range(0, image.height, n_rows):
        strip = image.crop((0, top, image.width, min(image.height, top + n_rows)))
        whole.paste(_strip_to_rgb(strip), (0, top))
    return whole


def _strip_to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in SIXTEEN_BIT_MODES:
        # Pillow clips these to 255 instead of scaling, which would turn nearly every pixel white.
        values = np.clip(np.asarray(image, dtype=np.int64), 0, 65535) >> 8
        return Image.fromarray(values.astype(np.uint8), mode="L").convert("RGB")
    if image.mode in ALPHA_MODES or "transparency" in image.info:
        layered = image.convert("RGBA")
        paper = Image.new("RGBA", layered.size, (255, 255, 255, 255))
        return Image.alpha_composite(paper, layered).convert("RGB")
    return image.convert("RGB")
