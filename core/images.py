"""Which picture files are read: their formats and how large they may be, for crawling, training and answering alike."""

from __future__ import annotations

MAX_PIXELS = 50_000_000
"""Width times height, as the header announces it."""

FORMATS = ("JPEG", "PNG", "WebP", "GIF", "AVIF", "BMP")
"""As people write them."""

PILLOW_FORMATS = tuple(name.upper() for name in FORMATS)
"""As Pillow names them."""

READABLE = f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
"""For messages."""
