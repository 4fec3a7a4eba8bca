"""Ids that the service gives to its answers."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
UNRECORDED = "su"
"""The letters of the id of an answer of which there was no room for a record; one that has a record begins with sg."""
_ULID = re.compile(rf"[a-z]{{2}}_([0-7][{ALPHABET}]{{25}})")
_TIME_SIGNS = 10


def suggestion_id(*, now: Callable[[], float] = time.time, random_bits: Callable[[int], int] = secrets.randbits) -> str:
    """Return "sg_" and a ULID, as ``new_id`` does."""
    return new_id("sg", now=now, random_bits=random_bits)


def unrecorded(given: str) -> str:
    """Return the id that an answer gets instead of ``given`` when it could not be put on record.

    Any process, after any restart, tells from it that feedback on the answer cannot be accepted.
    """
    return UNRECORDED + given[len(UNRECORDED) :]


def is_unrecorded(given: str) -> bool:
    """Return whether ``given`` is the id of an answer that could not be put on record."""
    return given.startswith(f"{UNRECORDED}_") and made_at_ms(given) is not None


def new_id(
    kind: str, *, now: Callable[[], float] = time.time, random_bits: Callable[[int], int] = secrets.randbits
) -> str:
    """Return a ULID (https://github.com/ulid/spec) after the two letters of ``kind``.

    48 bits of milliseconds and 80 random bits make 26 characters. Ids of later milliseconds sort after earlier ones;
    nobody can guess one.
    """
    value = int(now() * 1000.0) << 80 | random_bits(80)
    return f"{kind}_" + spelt(value)


def spelt(value: int) -> str:
    """Return the 26 characters of a number of 128 bits."""
    return "".join(ALPHABET[value >> shift & 31] for shift in range(125, -1, -5))


def made_at_ms(given: str) -> int | None:
    """Return the milliseconds since 1970 that an id of ours names, or None when it has not the form of one."""
    found = _ULID.fullmatch(given)
    if found is None:
        return None
    value = 0
    for sign in found.group(1)[:_TIME_SIGNS]:
        value = value << 5 | ALPHABET.index(sign)
    return value
