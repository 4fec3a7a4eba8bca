"""What waits for the database in files."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import StorageError
from service.store.spool import Spool, read_segment

JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3))


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    """A spool at work."""
    opened = Spool(tmp_path / "spool")
    opened.open()
    yield opened
    opened.close()


def _entries(spool: Spool) -> list[dict[str, object]]:
    return [entry for segment in spool.seal() for entry in read_segment(segment)]


def test_entries_come_back_in_their_order(spool: Spool) -> None:
    """Over several segments, durable or not; what was dropped does not."""
    for number in range(3):
        spool.append({"n": number}, durable=number == 1)
    (first,) = spool.seal()
    spool.append({"n": 3}, durable=False)
    assert [entry["n"] for entry in _entries(spool)] == [0, 1, 2, 3]
    spool.drop(first)
    assert [entry["n"] for entry in _entries(spool)] == [3]


@given(entries=st.lists(st.dictionaries(st.text(max_size=5), JSON, max_size=3), max_size=5), data=st.data())
def test_a_cut_segment_gives_back_what_was_whole(
    tmp_path_factory: pytest.TempPathFactory, entries: list[dict[str, object]], data: st.DataObject
) -> None:
    """Wherever a crash cut it, nothing is made up and nothing before the cut is lost."""
    spool = Spool(tmp_path_factory.mktemp("spool"))
    spool.open()
    for entry in entries:
        spool.append(entry, durable=False)
    for segment in spool.seal():
        whole = segment.read_bytes()
        cut = data.draw(st.integers(0, len(whole)))
        segment.write_bytes(whole[:cut])
        assert list(read_segment(segment)) == entries[: whole[:cut].count(b"\n")]
    spool.close()


def test_a_flipped_bit_spoils_its_own_entry_alone(spool: Spool) -> None:
    """The lines after it are read on."""
    for number in range(3):
        spool.append({"n": number}, durable=False)
    (segment,) = spool.seal()
    lines = segment.read_bytes().splitlines(keepends=True)
    segment.write_bytes(lines[0] + lines[1].replace(b'"n":1', b'"n":7') + lines[2])
    assert [entry["n"] for entry in _entries(spool)] == [0, 2]


def test_a_full_spool_says_so_and_takes_more_once_it_is_emptied(tmp_path: Path) -> None:
    """It never grows past its bound."""
    spool = Spool(tmp_path, max_bytes=200)
    spool.open()
    entry = {"pad": "x" * 20}
    n_kept = 5
    for _ in range(n_kept):
        spool.append(entry, durable=True)
    with pytest.raises(StorageError, match="full"):
        spool.append(entry, durable=True)
    assert spool.n_bytes <= 200
    assert len(_entries(spool)) == n_kept
    for segment in spool.seal():
        spool.drop(segment)
    spool.append({"n": 0}, durable=True)
    spool.close()


def test_a_disk_that_fills_up_loses_nothing_that_was_accepted(tmp_path: Path) -> None:
    """A line that was cut short is refused, and the next one does not grow together with it."""
    spool = Spool(tmp_path)
    spool.open()
    spool.append({"n": 0}, durable=True)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The system refuses to let a file grow past this, as a full disk would; Python ignores the signal that comes too.
    resource.setrlimit(resource.RLIMIT_FSIZE, (40, before[1]))
    try:
        with pytest.raises(StorageError):
            spool.append({"n": 1, "pad": "x" * 100}, durable=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    spool.append({"n": 2}, durable=True)
    assert [entry["n"] for entry in _entries(spool)] == [0, 2]
    spool.close()


def test_what_a_killed_process_left_is_taken_over_once(tmp_path: Path) -> None:
    """By one of those that live; a living one's is left alone."""
    program = (
        "import sys, os, signal; from pathlib import Path; from service.store.spool import Spool\n"
        "spool = Spool(Path(sys.argv[1])); spool.open(); spool.append({'n': 1}, durable=False)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    living = Spool(tmp_path)
    living.open()
    living.append({"n": 0}, durable=False)
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], cwd=Path.cwd(), check=False)
    heirs = [Spool(tmp_path) for _ in range(2)]
    for heir in heirs:
        heir.open()
        heir.adopt()
    assert [[entry["n"] for entry in _entries(heir)] for heir in heirs] == [[1], []]
    assert [entry["n"] for entry in _entries(living)] == [0]
    for one in (*heirs, living):
        one.close()
    last = Spool(tmp_path)
    last.open()
    last.adopt()
    assert sorted(str(entry["n"]) for entry in _entries(last)) == ["0", "1"]
    last.close()


@pytest.mark.parametrize("what", ["folder", "segment", "lock"])
def test_what_somebody_deletes_is_made_again(tmp_path: Path, what: str) -> None:
    """What is accepted afterwards is there, also for the process that comes next; what was deleted is passed over."""
    folder = tmp_path / "spool"
    spool = Spool(folder)
    spool.open()
    spool.append({"n": 0}, durable=True)
    if what == "folder":
        shutil.rmtree(folder)
    else:
        (found,) = folder.glob("*.jsonl" if what == "segment" else "*.lock")
        found.unlink()
    spool.append({"n": 1}, durable=True)
    spool.append({"n": 2}, durable=False)
    assert [entry["n"] for entry in _entries(spool)][-2:] == [1, 2]
    spool.append({"n": 3}, durable=True)
    spool._locks.close()  # as if it had been killed
    heir = Spool(folder)
    heir.open()
    heir.adopt()
    assert [entry["n"] for entry in _entries(heir)][-3:] == [1, 2, 3]
    heir.close()


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """At the start, not at the first entry."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="file"):
        Spool(tmp_path / "file" / "spool").open()


def test_nothing_in_the_spool_is_for_others_to_read(spool: Spool) -> None:
    """It holds what people think of hashtags."""
    spool.append({"n": 0}, durable=False)
    (segment,) = spool.seal()
    assert os.stat(segment).st_mode & 0o077 == 0
