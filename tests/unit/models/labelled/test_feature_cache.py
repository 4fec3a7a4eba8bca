"""Features are computed once, and a damaged file costs nothing but the work."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from core.errors import StorageError
from models.labelled.feature_cache import Floats, cached_features, feature_key

ROW = np.arange(4, dtype=np.float32)


def never() -> Floats:
    """Fail, because what is kept must not be computed again."""
    raise AssertionError("computed again")


def test_what_is_kept_is_not_computed_again(tmp_path: Path) -> None:
    """And nothing else is left in the folder."""
    assert (cached_features(tmp_path, "a", lambda: ROW) == ROW).all()
    assert (cached_features(tmp_path, "a", never) == ROW).all()
    assert [path.name for path in tmp_path.iterdir()] == ["a.npy"]


def test_equal_pictures_at_the_same_time_do_not_disturb_each_other(tmp_path: Path) -> None:
    """Folders hold copies, and copies have one key."""
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: cached_features(tmp_path, "a", lambda: ROW), range(200)))
    assert all((row == ROW).all() for row in found)


@pytest.mark.parametrize("content", [b"", b"\x93NUM", b"hello"])
def test_a_damaged_file_is_computed_again(tmp_path: Path, content: bytes) -> None:
    """A power cut may leave one."""
    (tmp_path / "a.npy").write_bytes(content)
    assert (cached_features(tmp_path, "a", lambda: ROW) == ROW).all()
    assert (cached_features(tmp_path, "a", never) == ROW).all()


def test_a_cache_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """With the file that would have been written."""
    with pytest.raises(StorageError, match=r"a\.npy"):
        cached_features(tmp_path / "gone", "a", lambda: ROW)


def test_the_key_depends_on_the_recipe_and_the_content() -> None:
    """Alone."""
    assert feature_key("r", b"x") == feature_key("r", b"x")
    assert len({feature_key("r", b"x"), feature_key("s", b"x"), feature_key("r", b"y")}) == 3
