"""What a picture may cost, and how a container that asks for more is refused."""

from __future__ import annotations

import re
import struct

from core.errors import ImageTooLarge, UndecodableImage, UnsupportedImage
from core.images import MAX_DECODING_BYTES, MAX_PIXELS

MAX_SIDE = 65_535
"""Of a JPEG or GIF by their format; a PNG or BMP could be one row of 50 megapixels."""
MAX_EXIF_BYTES = 65_536
"""Which way is up stands in the first directory, so near the start of the EXIF block."""
_XMP_ORIENTATION = re.compile(rb"tiff:Orientation(?:=\"|>)([1-8])")
_MAX_TAGS = 512
_ORIENTATION_TAG = 0x0112
_SHORT = 3


def broken(format_name: str) -> UndecodableImage:
    """Return the refusal of a container that is cut short or contradicts itself."""
    return UndecodableImage(f"The {format_name} header is broken. Save the picture again and resend it.")


def contradictory(format_name: str) -> UndecodableImage:
    """Return the refusal of a container that announces another size than the picture inside it."""
    return UndecodableImage(
        f"The {format_name} header is broken: the container and the picture inside announce different sizes. "
        "Save the picture again and resend it."
    )


def overfilled(format_name: str, what: str) -> UndecodableImage:
    """Return the refusal of a container that holds too many of its parts."""
    return UndecodableImage(
        f"The {format_name} file holds too many {what} for a picture of its size. Save the picture again and resend it."
    )


def not_read(format_name: str, what: str) -> UnsupportedImage:
    """Return the refusal of a rare kind of a format."""
    return UnsupportedImage(f"{what} is a kind of {format_name} that is not read. Save the picture as JPEG or PNG.")


def check_pixels(width: int, height: int) -> None:
    """Refuse a picture of more than ``MAX_PIXELS``, or of so long a side that a few rows of it take much memory.

    Raises:
        ImageTooLarge: it has more.
    """
    if max(width, height) > MAX_SIDE:
        raise ImageTooLarge(
            f"The picture has a side of {max(width, height):,} pixels; at most {MAX_SIDE:,} are read. "
            "Send a smaller copy."
        )
    n_pixels = width * height
    if n_pixels > MAX_PIXELS:
        raise ImageTooLarge(
            f"The picture has {n_pixels / 1e6:.0f} million pixels; at most {MAX_PIXELS // 1_000_000} million are read. "
            "Send a smaller copy."
        )


def check_cost(format_name: str, n_pixels: int, cost: int, bound: int = MAX_DECODING_BYTES) -> None:
    """Refuse a picture that costs more than ``bound``; its cost grows with its pixels.

    Raises:
        ImageTooLarge: it costs more.
    """
    if cost > bound:
        raise ImageTooLarge(
            f"The picture has {n_pixels / 1e6:.0f} million pixels; of a {format_name} of this kind at most "
            f"{n_pixels * bound // cost // 1_000_000} million are read. Send a smaller copy, or a JPEG."
        )


def exif_orientation(exif: bytes, xmp: bytes = b"") -> int:
    """Return which way is up (1 to 8) by a TIFF block or, where that does not say, by XMP; 1 where neither tells.

    A broken block says nothing about the pixels, which are fine: it counts as silent.
    """
    head = exif[: MAX_EXIF_BYTES + 6].removeprefix(b"Exif\x00\x00")
    order = {b"II*\x00": "<", b"MM\x00*": ">"}.get(head[:4])
    if order is not None:
        try:
            (at,) = struct.unpack_from(order + "I", head, 4)
            (n_tags,) = struct.unpack_from(order + "H", head, at)
            for number in range(min(n_tags, _MAX_TAGS)):
                tag, kind, count, value = struct.unpack_from(order + "HHIH", head, at + 2 + 12 * number)
                if tag == _ORIENTATION_TAG:
                    return value if kind == _SHORT and count == 1 and 1 <= value <= 8 else 1
        except struct.error:
            return 1
    found = _XMP_ORIENTATION.search(xmp[:MAX_EXIF_BYTES])
    return int(found[1]) if found else 1
