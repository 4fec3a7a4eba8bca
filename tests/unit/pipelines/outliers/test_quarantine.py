"""Whatever is taken out can be put back exactly, whenever the power goes."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import DataError, StorageError
from models.labelled.topic_folder import list_pictures
from pipelines.corpus.posts import FolderPosts, Tally
from pipelines.corpus.quarantine_list import put_on_list, quarantined_posts, take_off_list
from pipelines.outliers.quarantine import Quarantine
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


def test_what_is_taken_out_comes_back_exactly(folder: Path) -> None:
    """Bytes, times and labels; in between the folder can be read and lacks just these."""
    before = state(folder)
    run = Quarantine(folder).apply(PATHS)
    assert [one.path.name for one in list_pictures(folder)] == ["ünï_2.jpg"]
    assert (folder / "labels.csv").read_bytes() == 'path,topics,note\r\ndogs/ünï_2.jpg,dogs;cats,"a, b"\r\n'.encode()
    assert (run / "cats" / "a_1.jpg").read_bytes() == b"cats/a_1.jpg"
    assert Quarantine(folder).undo()[0] == 2
    assert state(folder) == before
    assert not Quarantine(folder).place.exists()


def test_undo_goes_back_one_time_after_another(folder: Path) -> None:
    """The last time first."""
    before = state(folder)
    Quarantine(folder).apply(PATHS[:1])
    between = state(folder)
    Quarantine(folder).apply(PATHS[1:])
    Quarantine(folder).undo()
    assert state(folder) == between
    Quarantine(folder).undo()
    assert state(folder) == before
    with pytest.raises(DataError, match="nothing is in quarantine"):
        Quarantine(folder).undo()


def failing_at(step: int, error: Callable[[], BaseException], *, after: bool) -> Callable[[Path, Path], None]:
    """Return a move that dies at its ``step``-th call, before or after it moved."""
    calls = [0]

    def move(source: Path, target: Path) -> None:
        calls[0] += 1
        if calls[0] == step and not after:
            raise error()
        os.rename(source, target)
        if calls[0] == step:
            raise error()

    return move


class Killed(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", [1, 2])
def test_killed_while_taking_out_it_can_be_undone_or_finished(folder: Path, step: int, after: bool) -> None:
    """No picture is lost in between."""
    before = state(folder)
    for go_on in ("undo", "apply"):
        with pytest.raises(Killed):
            Quarantine(folder, move=failing_at(step, Killed, after=after)).apply(PATHS)
        if go_on == "apply":
            Quarantine(folder).apply(["dogs/ünï_2.jpg"])
            assert not list(folder.rglob("*.jpg"))
            Quarantine(folder).undo()
        Quarantine(folder).undo()
        assert state(folder) == before


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", [1, 2])
def test_killed_while_putting_back_it_is_put_back_by_the_next_call(folder: Path, step: int, after: bool) -> None:
    """The journal says what is left to do."""
    before = state(folder)
    Quarantine(folder).apply(PATHS)
    with pytest.raises(Killed):
        Quarantine(folder, move=failing_at(step, Killed, after=after)).undo()
    Quarantine(folder).undo()
    assert state(folder) == before


def test_a_full_disk_is_told_and_undone(folder: Path) -> None:
    """As a sentence, with every picture in one of two places."""
    before = state(folder)
    full = failing_at(2, lambda: OSError(errno.ENOSPC, "full"), after=False)
    with pytest.raises(StorageError, match="no room left"):
        Quarantine(folder, move=full).apply(PATHS)
    Quarantine(folder).undo()
    assert state(folder) == before


def test_a_taken_place_is_not_written_over(folder: Path) -> None:
    """Whoever put another picture there decides."""
    Quarantine(folder).apply(PATHS)
    (folder / PATHS[0]).write_bytes(b"new")
    with pytest.raises(DataError, match="is there again"):
        Quarantine(folder).undo()
    assert (folder / PATHS[0]).read_bytes() == b"new"
    assert not (folder / PATHS[1]).exists()


def test_labels_that_were_edited_since_keep_the_edits(folder: Path) -> None:
    """The old lines are added to them."""
    Quarantine(folder).apply(PATHS)
    labels = folder / "labels.csv"
    labels.write_bytes(labels.read_bytes().replace(b"dogs;cats", b"cats"))
    Quarantine(folder).undo()
    assert sorted(one.topics for one in list_pictures(folder)) == [("cats",), ("cats",), ("dogs",)]


def test_a_picture_that_is_gone_stops_it_before_anything_moves(folder: Path) -> None:
    """The folder changed since it was looked at."""
    before = state(folder)
    with pytest.raises(DataError, match="not there any more"):
        Quarantine(folder).apply([*PATHS, "cats/gone.jpg"])
    assert state(folder) == before


def test_a_journal_that_leads_elsewhere_is_refused(folder: Path) -> None:
    """It is only a file, and files can be edited."""
    run = Quarantine(folder).apply(PATHS)
    journal = run / "journal.json"
    journal.write_text(journal.read_text("utf-8").replace(PATHS[0], "../../etc/a.jpg"), "utf-8")
    with pytest.raises(DataError, match="damaged"):
        Quarantine(folder).undo()


def ids(corpus: Path) -> set[str]:
    """Return the ids of the posts that training would read."""
    return {post.post_id for post in FolderPosts(corpus / "posts", Tally()).posts()}


def test_posts_on_the_list_are_read_by_nobody(tmp_path: Path) -> None:
    """Until they are taken off it; the shards stay as they are."""
    write_lines(tmp_path / "posts" / "walks.jsonl", [record(n) for n in range(4)])
    before = state(tmp_path / "posts")
    put_on_list(tmp_path / "posts", ["post-1"])
    put_on_list(tmp_path / "posts", ["post-3", "post-2"])
    assert ids(tmp_path) == {"post-0"}
    assert take_off_list(tmp_path / "posts") == 2
    assert ids(tmp_path) == {"post-0", "post-2", "post-3"}
    assert take_off_list(tmp_path / "posts") == 1
    assert state(tmp_path / "posts") == before
    with pytest.raises(DataError, match="no post"):
        take_off_list(tmp_path / "posts")


def test_a_damaged_list_stops_reading(tmp_path: Path) -> None:
    """Posts that a person took out must not come back unnoticed."""
    write_lines(tmp_path / "posts" / "walks.jsonl", [record(n) for n in range(4)])
    (tmp_path / "posts" / "outliers.json").write_text("{}")
    with pytest.raises(DataError, match="damaged"):
        quarantined_posts(tmp_path / "posts")
    with pytest.raises(DataError, match="damaged"):
        FolderPosts(tmp_path / "posts", Tally())
