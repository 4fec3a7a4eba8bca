"""Posts of a corpus that are left out: a list beside its shards, which every reader of posts keeps to.

The list lies in the folder of the posts, so that whoever takes a hash of that folder sees it change. Pictures stay
where they are: posts may share one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from core.atomic import storage_errors, write_atomic
from core.errors import DataError
from core.locks import hold_lock

LIST_FILE = "outliers.json"
FORMAT = "tagsmith quarantine list"


def quarantined_posts(posts: Path) -> frozenset[str]:
    """Return the ids of the posts that are left out of the folder ``posts``.

    Raises:
        DataError: the list is damaged.
    """
    return frozenset(post_id for run in _read(posts / LIST_FILE) for post_id in run[1])


def put_on_list(posts: Path, post_ids: Sequence[str]) -> Path:
    """Leave out more posts and return the list's file.

    Raises:
        DataError: the list is damaged.
        StorageError: it cannot be written; what it said before holds.
    """
    place = posts / LIST_FILE
    with hold_lock(_lock_of(posts)):
        made = datetime.now(UTC).isoformat(timespec="seconds")
        _write(place, [*_read(place), (made, tuple(sorted(post_ids)))])
    return place


def take_off_list(posts: Path) -> int:
    """Let in again what was put on the list last, and return how many posts that is.

    Raises:
        DataError: the list is damaged or empty.
        StorageError: it cannot be written; what it said before holds.
    """
    place = posts / LIST_FILE
    with hold_lock(_lock_of(posts)):
        runs = _read(place)
        if not runs:
            raise DataError(f"no post of {posts} is in quarantine")
        if len(runs) > 1:
            _write(place, runs[:-1])
        else:
            with storage_errors(place):
                place.unlink()
                _lock_of(posts).unlink()  # as it was before: nothing of the list is left
        return len(runs[-1][1])


def _lock_of(posts: Path) -> Path:
    # Not in the folder itself, whose content counts as data.
    return posts.parent / ".quarantine.lock"


def _read(place: Path) -> list[tuple[str, tuple[str, ...]]]:
    try:
        raw = json.loads(place.read_text("utf-8"))
        if raw["format"] != FORMAT:
            raise ValueError("of another format")
        return [(str(run["made"]), tuple(map(str, run["posts"]))) for run in raw["runs"]]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{place} is damaged ({error}); remove it to let all posts in again") from error


def _write(place: Path, runs: list[tuple[str, tuple[str, ...]]]) -> None:
    content = {"format": FORMAT, "runs": [{"made": made, "posts": list(ids)} for made, ids in runs]}
    write_atomic(place, json.dumps(content, ensure_ascii=False, indent=1) + "\n")
