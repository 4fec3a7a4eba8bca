"""What is in quarantine is read by nobody, and comes back exactly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.errors import DataError
from core.quarantine import LIST_FILE, put_in_quarantine, quarantined, take_out_of_quarantine
from models.labelled.topic_folder import list_pictures
from pipelines.corpus.posts import FolderPosts, Tally
from tests.unit.pipelines.posts_on_disk import record, write_lines

LABELS = (
    'path,topics,note\r\ncats/a_1.jpg,cats,"two\nlines"\r\n./dogs/b_1.jpg,dogs,\r\ndogs/ünï_2.jpg,dogs;cats,"a, b"\r\n'
)
PATHS = ["cats/a_1.jpg", "dogs/b_1.jpg"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures and their labels."""
    for name in ("cats/a_1.jpg", "dogs/b_1.jpg", "dogs/ünï_2.jpg"):
        path = tmp_path / "topics" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    (tmp_path / "topics" / "labels.csv").write_bytes(LABELS.encode())
    return tmp_path / "topics"


def state(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Return every file below a folder with its content and time."""
    return {
        path.relative_to(folder).as_posix(): (
            path.read_bytes(),
            path.stat().st_mtime_ns if path.suffix == ".jpg" else 0,
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def names(folder: Path) -> list[str]:
    """Return the labelled pictures that training would read."""
    return sorted(picture.path.name for picture in list_pictures(folder))


def test_pictures_in_quarantine_are_left_out_and_come_back(folder: Path) -> None:
    """No picture and no label is touched; undone, not even the lock is left."""
    before = state(folder.parent)
    assert put_in_quarantine(folder, PATHS) == folder / LIST_FILE
    assert names(folder) == ["ünï_2.jpg"]
    between = state(folder)
    assert {name: between[name] for name in between if name != LIST_FILE} == state_below(before)
    assert take_out_of_quarantine(folder) == 2
    assert state(folder.parent) == before


def state_below(before: dict[str, tuple[bytes, int]]) -> dict[str, tuple[bytes, int]]:
    """Return the state of ``topics`` from that of the folder above it."""
    return {name.removeprefix("topics/"): content for name, content in before.items()}


def test_undo_goes_back_one_time_after_another(folder: Path) -> None:
    """The last time first."""
    before = state(folder)
    put_in_quarantine(folder, PATHS[:1])
    between = state(folder)
    put_in_quarantine(folder, PATHS[1:])
    assert take_out_of_quarantine(folder) == 1
    assert state(folder) == between
    take_out_of_quarantine(folder)
    assert state(folder) == before
    with pytest.raises(DataError, match="nothing is in quarantine"):
        take_out_of_quarantine(folder)
    assert state(folder.parent) == {f"topics/{name}": content for name, content in before.items()}


def test_a_folder_that_is_all_in_quarantine_is_told(folder: Path) -> None:
    """Not as a folder without pictures."""
    put_in_quarantine(folder, [*PATHS, "dogs/ünï_2.jpg"])
    with pytest.raises(DataError, match="Every picture of .* is in quarantine"):
        list_pictures(folder)


def ids(corpus: Path) -> set[str]:
    """Return the ids of the posts that training would read."""
    return {post.post_id for post in FolderPosts(corpus / "posts", Tally()).posts()}


def test_posts_in_quarantine_are_read_by_nobody(tmp_path: Path) -> None:
    """Until they are taken out of it; the shards stay as they are."""
    write_lines(tmp_path / "posts" / "walks.jsonl", [record(n) for n in range(4)])
    before = state(tmp_path)
    put_in_quarantine(tmp_path / "posts", ["post-1"])
    put_in_quarantine(tmp_path / "posts", ["post-3", "post-2"])
    assert ids(tmp_path) == {"post-0"}
    assert take_out_of_quarantine(tmp_path / "posts") == 2
    assert ids(tmp_path) == {"post-0", "post-2", "post-3"}
    assert take_out_of_quarantine(tmp_path / "posts") == 1
    assert state(tmp_path) == before
    with pytest.raises(DataError, match="nothing is in quarantine"):
        take_out_of_quarantine(tmp_path / "posts")


def test_a_list_of_an_earlier_version_holds(tmp_path: Path) -> None:
    """It named posts alone."""
    runs = [{"made": "2025-01-02T03:04:05+00:00", "posts": ["post-1"]}]
    (tmp_path / LIST_FILE).write_text(json.dumps({"format": "tagsmith quarantine list", "runs": runs}))
    put_in_quarantine(tmp_path, ["post-2"])
    assert quarantined(tmp_path) == {"post-1", "post-2"}


@pytest.mark.parametrize(
    "content", ["{}", '{"format": "tagsmith quarantine list", "runs": [{"made": "", "keys": "ab"}]}']
)
def test_a_damaged_list_stops_reading(tmp_path: Path, content: str) -> None:
    """Posts that a person took out must not come back unnoticed."""
    write_lines(tmp_path / "posts" / "walks.jsonl", [record(n) for n in range(4)])
    (tmp_path / "posts" / LIST_FILE).write_text(content)
    with pytest.raises(DataError, match="damaged"):
        quarantined(tmp_path / "posts")
    with pytest.raises(DataError, match="damaged"):
        FolderPosts(tmp_path / "posts", Tally())
