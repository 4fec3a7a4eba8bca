"""Mutations of files: case n of a seed is always the same bytes."""

from __future__ import annotations

import random
import struct

from tests.fuzz.picture_seeds import READ, seeds

INTERESTING = (0, 1, 2, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1)
MAX_BYTES = 200_000
"""Longer mutants are cut: what harm they do, they do early."""
N_FIRST = 100
"""One case in this many is a seed as it is."""


def mutant(seed: int, number: int) -> tuple[str, bytes]:
    """Return the name of the file that case ``number`` begins from, and its bytes."""
    rng = random.Random(f"{seed}:{number}")
    files = seeds()
    # Large files are taken less often: they take long, and their mutants differ little.
    names = list(files) + [name for name in READ if len(files[name]) < 20_000] * 3
    name = rng.choice(names)
    data = bytearray(files[name])
    if rng.randrange(N_FIRST) == 0:
        return name, bytes(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        data = rng.choice(MUTATIONS)(rng, data)
    return name, bytes(data[:MAX_BYTES]) if len(data) > 2 * MAX_BYTES else bytes(data)


def _cut(rng: random.Random, data: bytearray) -> bytearray:
    return data[: rng.randrange(len(data) + 1)]


def _flip_bits(rng: random.Random, data: bytearray) -> bytearray:
    for _ in range(rng.choice((1, 2, 16))):
        if data:
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return data


def _flip_in_header(rng: random.Random, data: bytearray) -> bytearray:
    if data:
        data[rng.randrange(min(len(data), 64))] = rng.randrange(256)
    return data


def _set_number(rng: random.Random, data: bytearray) -> bytearray:
    """Put a number that decoders trip over somewhere, most often near the start, where sizes are."""
    form = rng.choice((">I", "<I", ">H", "<H", "B"))
    size = struct.calcsize(form)
    if len(data) >= size:
        end = min(len(data), rng.choice((40, 200, len(data)))) - size
        place = rng.randrange(max(1, end + 1))
        data[place : place + size] = struct.pack(form, rng.choice(INTERESTING) % 256**size)
    return data


def _delete(rng: random.Random, data: bytearray) -> bytearray:
    start = rng.randrange(len(data) + 1)
    del data[start : start + rng.choice((1, 4, 32, 1000))]
    return data


def _repeat(rng: random.Random, data: bytearray) -> bytearray:
    start = rng.randrange(len(data) + 1)
    piece = data[start : start + rng.choice((1, 4, 32, 1000))]
    return data[:start] + piece * rng.choice((2, 3, 50)) + data[start:]


def _insert(rng: random.Random, data: bytearray) -> bytearray:
    start = rng.randrange(len(data) + 1)
    return data[:start] + rng.randbytes(rng.choice((1, 4, 64))) + data[start:]


def _splice(rng: random.Random, data: bytearray) -> bytearray:
    other = seeds()[rng.choice(list(READ))]
    return data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other) + 1) :]


def _append(rng: random.Random, data: bytearray) -> bytearray:
    return data + rng.randbytes(rng.choice((1, 1000, 20_000)))


MUTATIONS = (
    _cut,
    _cut,
    _flip_bits,
    _flip_bits,
    _flip_in_header,
    _set_number,
    _set_number,
    _delete,
    _repeat,
    _insert,
    _splice,
    _append,
)
