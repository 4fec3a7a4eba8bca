"""The quarantine of a folder: a list of the posts or pictures in it that everything which reads the folder leaves out.

The list lies in the folder itself, so that a hash of the folder changes with it. No file moves and none is rewritten.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.atomic import storage_errors, write_atomic
from core.clock import utc_timestamp
from core.errors import DataError
from core.locks import hold_lock

LIST_FILE = "outliers.json"
FORMAT = "tagsmith quarantine list"


@dataclass(frozen=True, slots=True)
class _Addition:
    """What was put in quarantine at one time: the moment in ISO 8601, and the keys."""

    made: str
    keys: tuple[str, ...]


def quarantined(folder: Path) -> frozenset[str]:
    """Return the keys that are in quarantine: ids of posts, or paths of pictures below ``folder``.

    Raises:
        DataError: the list is damaged.
    """
    return frozenset(key for addition in _read(folder / LIST_FILE) for key in addition.keys)


def put_in_quarantine(folder: Path, keys: Sequence[str]) -> Path:
    """Add ``keys`` to the quarantine of ``folder`` and return the list's file.

    Raises:
        DataError: the list is damaged.
        StorageError: it cannot be written; what it said before holds.
    """
    path = folder / LIST_FILE
    with hold_lock(_lock_of(folder)):
        made = utc_timestamp()
        _write(path, [*_read(path), _Addition(made, tuple(sorted(keys)))])
    return path


def take_out_of_quarantine(folder: Path) -> int:
    """Undo the last addition and return how many keys it had; the list goes with its first addition.

    Raises:
        DataError: the list is damaged or empty.
        StorageError: it cannot be written; what it said before holds.
    """
    path = folder / LIST_FILE
    with hold_lock(_lock_of(folder)):
        additions = _read(path)
        if len(additions) > 1:
            _write(path, additions[:-1])
        else:
            with storage_errors(path):
                path.unlink(missing_ok=True)
                _lock_of(folder).unlink(missing_ok=True)
    if not additions:
        raise DataError(f"nothing is in quarantine for {folder}; there is nothing to undo")
    return len(additions[-1].keys)


def _lock_of(folder: Path) -> Path:
    # Beside the folder, whose content counts as data.
    whole = folder.absolute()
    return whole.with_name(f".{whole.name}.quarantine.lock")


def _read(path: Path) -> list[_Addition]:
    try:
        raw = json.loads(path.read_text("utf-8"))
        if raw["format"] != FORMAT:
            raise ValueError("of another format")
        return [_Addition(str(run["made"]), tuple(map(str, _keys_of(run)))) for run in raw["runs"]]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is damaged ({error}); remove it to let everything in again") from error


def _keys_of(run: dict[str, Any]) -> list[Any]:
    # Lists that an earlier version wrote hold posts alone.
    keys = run["keys"] if "keys" in run else run["posts"]
    if not isinstance(keys, list):
        raise TypeError("keys are not a list")
    return keys


def _write(path: Path, additions: Sequence[_Addition]) -> None:
    runs = [{"made": addition.made, "keys": list(addition.keys)} for addition in additions]
    write_atomic(path, json.dumps({"format": FORMAT, "runs": runs}, ensure_ascii=False, indent=1) + "\n")
