"""Hashes of files, and numbers drawn by a name."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from core.hashes import file_sha256, uniform_draw


def test_a_file_has_the_hash_of_its_bytes(tmp_path: Path) -> None:
    """However large it is."""
    content = bytes(range(256)) * 5000
    (tmp_path / "a").write_bytes(content)
    assert file_sha256(tmp_path / "a") == hashlib.sha256(content).hexdigest()


def test_draws_are_even_and_always_the_same() -> None:
    """The splits of earlier runs depend on the very numbers."""
    draws = np.array([uniform_draw(7, "post", n) for n in range(4000)])
    assert 0 <= draws.min() <= draws.max() < 1
    assert np.histogram(draws, 10, (0, 1))[0].min() > 320
    assert uniform_draw(7, "held out", "p1") == 0.7230987438797802


def test_a_name_that_is_no_text_is_drawn_from_too() -> None:
    """Half a surrogate pair comes out of broken JSON."""
    assert 0 <= uniform_draw("\ud800") < 1
