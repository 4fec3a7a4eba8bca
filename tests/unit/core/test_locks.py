"""One process at a time works in a folder, and the next one learns what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import StorageError
from core.locks import hold_work_folder


def test_a_second_run_is_told_what_is_going_on(tmp_path: Path) -> None:
    """The message is the caller's: it knows what to wait for."""
    folder = tmp_path / "new" / "work"
    with (
        hold_work_folder(folder, "first"),
        pytest.raises(StorageError, match="another run is at work"),
        hold_work_folder(folder, "another run is at work; wait for it"),
    ):
        pass


def test_the_folder_is_free_after_the_block(tmp_path: Path) -> None:
    """However it ends."""
    with pytest.raises(ValueError, match="broken"), hold_work_folder(tmp_path, "busy"):
        raise ValueError("broken")
    with hold_work_folder(tmp_path, "busy"):
        assert (tmp_path / "lock").is_file()
