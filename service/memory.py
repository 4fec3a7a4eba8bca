"""Gives the memory of large pictures back to the system, so that one of them does not decide the size for good."""

from __future__ import annotations

import ctypes
from contextlib import suppress


def give_freed_memory_back() -> None:
    """Have glibc unmap what was freed, in every thread's heap; another C library does so by itself or not at all.

    By default each thread keeps what it once had, which after a picture of 50 megapixels is half a gigabyte or more.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
