"""Ids that the service gives to its answers."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def suggestion_id(*, now: Callable[[], float] = time.time, random_bits: Callable[[int], int] = secrets.randbits) -> str:
    """Return "sg_" and a ULID (https://github.com/ulid/spec): 48 bits of milliseconds, 80 random bits, 26 characters.

    Ids of later milliseconds sort after earlier ones; nobody can guess one.
    """
    value = int(now() * 1000.0) << 80 | random_bits(80)
    return "sg_" + "".join(ALPHABET[value >> shift & 31] for shift in range(125, -1, -5))
