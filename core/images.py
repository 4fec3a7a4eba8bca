"""Which picture files are read: their formats and how large they may be, for crawling, training and answering alike."""

from __future__ import annotations

from dataclasses import dataclass

MAX_PIXELS = 50_000_000
"""Width times height, as the header announces it."""

FORMATS = ("JPEG", "PNG", "WebP", "GIF", "AVIF", "BMP")
"""As people write them."""

PILLOW_FORMATS = tuple(name.upper() for name in FORMATS)
"""As Pillow names them."""

READABLE = f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
"""For messages."""

MAX_DECODING_BYTES = 400_000_000
"""Memory that decoding a picture may take at its peak, and all that are decoded at once together."""


@dataclass(frozen=True, slots=True)
class SurveyedPicture:
    """A picture file whose container was walked and found within bounds; nothing of it is decoded yet.

    Attributes:
        format: Pillow's name of the container.
        width: in pixels, as the codec itself announces it, before it is turned upright.
        height: likewise.
        data: the file without all that is not needed for the pixels of its first frame and their colours.
        orientation: which way is up, as EXIF numbers it (1 to 8).
        has_notes: whether something was left out of ``data``: EXIF, comments, further frames, bytes behind the end.
        decoding_bytes: what decoding takes in memory at its peak.
        confined: whether the container cannot tell what its codec will take, so that it has to be held to that.
    """

    format: str
    width: int
    height: int
    data: bytes
    orientation: int
    has_notes: bool
    decoding_bytes: int
    confined: bool = False
