"""Memory kept in bounds: how many pixels are decoded at once, and how freed memory goes back to the system."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path

from PIL import Image

from core.images import MAX_PIXELS, PILLOW_FORMATS

# Decoding takes about 8 bytes a pixel for a moment; this is one picture of the largest size, or four from a phone.
MAX_PIXELS_AT_ONCE = MAX_PIXELS


class PixelBudget:
    """Lets pictures be decoded side by side while their pixels together stay below a bound; safe across threads."""

    def __init__(self, max_pixels: int = MAX_PIXELS_AT_ONCE) -> None:
        self._max_pixels = max_pixels
        self._arrival = threading.Lock()
        self._changed = threading.Condition()
        self._held = 0

    @contextmanager
    def claimed(self, n_pixels: int) -> Iterator[None]:
        """Hold ``n_pixels``; wait in the order of arrival, so that small pictures do not keep a large one out."""
        claim = min(n_pixels, self._max_pixels)
        with self._arrival, self._changed:
            self._changed.wait_for(lambda: self._held + claim <= self._max_pixels)
            self._held += claim
        try:
            yield
        finally:
            with self._changed:
                self._held -= claim
                self._changed.notify_all()


def announced_pixels(image_file: bytes) -> int:
    """Return width times height by the file's header, 0 when it has none: then nothing will be decoded."""
    try:
        with Image.open(BytesIO(image_file), formats=PILLOW_FORMATS) as image:
            return image.width * image.height
    except Exception:  # the classifier reports what is wrong with the file
        return 0


def give_freed_memory_back() -> None:
    """Have glibc return every thread's freed memory to the system; other C libraries do so unasked or not at all.

    By default a thread keeps what it once used: after a picture of 50 megapixels, half a gigabyte or more.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def private_bytes() -> int:
    """Return the resident memory of this process alone, without mapped files, in bytes; 0 where /proc does not tell."""
    try:
        _, resident, shared, *_ = Path("/proc/self/statm").read_text("ascii").split()
    except (OSError, ValueError):
        return 0
    return (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE")
