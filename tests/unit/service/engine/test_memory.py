"""Pixels in flight are bounded, and nobody is kept out for ever."""

from __future__ import annotations

import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from core.images import PILLOW_FORMATS
from service.engine.memory import PixelBudget, announced_pixels


class Decoder:
    """Holds a claim until told to let go."""

    def __init__(self, pool: ThreadPoolExecutor, budget: PixelBudget, n_pixels: int) -> None:
        self.inside, self.go = threading.Event(), threading.Event()
        self.done = pool.submit(self._decode, budget, n_pixels)

    def _decode(self, budget: PixelBudget, n_pixels: int) -> None:
        with budget.claimed(n_pixels):
            self.inside.set()
            assert self.go.wait(10)


def test_small_pictures_are_decoded_side_by_side() -> None:
    """As long as there is room for both."""
    budget = PixelBudget(100)
    with ThreadPoolExecutor(2) as pool:
        pair = [Decoder(pool, budget, 50), Decoder(pool, budget, 50)]
        assert all(one.inside.wait(10) for one in pair)
        for one in pair:
            one.go.set()


def test_a_large_picture_waits_its_turn_and_is_not_overtaken() -> None:
    """It goes in when the one before is done; a small one that came later waits behind it."""
    budget = PixelBudget(100)
    with ThreadPoolExecutor(3) as pool:
        first = Decoder(pool, budget, 60)
        assert first.inside.wait(10)
        large = Decoder(pool, budget, 100)
        while not budget._arrival.locked():
            pass
        small = Decoder(pool, budget, 10)
        assert not large.inside.is_set()
        assert not small.inside.is_set()
        first.go.set()
        assert large.inside.wait(10)
        assert not small.inside.is_set()
        large.go.set()
        assert small.inside.wait(10)
        small.go.set()


def test_a_failing_decode_gives_its_pixels_back() -> None:
    """And a picture over the whole bound is let in alone rather than never."""
    budget = PixelBudget(100)
    for _ in range(3):
        with pytest.raises(ValueError), budget.claimed(10**9):
            raise ValueError
    with budget.claimed(100):
        pass


@pytest.mark.parametrize("name", PILLOW_FORMATS)
def test_the_header_tells_the_size(name: str) -> None:
    """In each format that is read."""
    out = BytesIO()
    Image.new("RGB", (30, 20)).save(out, name)
    assert announced_pixels(out.getvalue()) == 600


def test_a_header_is_believed_without_decoding() -> None:
    """A bitmap that announces 49 megapixels and holds none."""
    header = (
        b"BM"
        + struct.pack("<IHHI", 54, 0, 0, 54)
        + struct.pack("<IiiHHIIiiII", 40, 7000, 7000, 1, 24, 0, 0, 0, 0, 0, 0)
    )
    assert announced_pixels(header) == 49_000_000


@given(
    st.binary(max_size=200),
    st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"RIFF0000WEBP"]),
)
def test_wild_bytes_announce_a_number(noise: bytes, start: bytes) -> None:
    """Whatever comes, no exception."""
    assert announced_pixels(start + noise) >= 0
