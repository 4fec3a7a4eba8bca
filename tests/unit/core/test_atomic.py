"""Files that are there whole or not at all, and locks."""

from __future__ import annotations

import errno
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from core.atomic import aside, link_or_copy, storage_errors, write_atomic, write_first
from core.errors import StorageError
from core.locks import Held, hold_lock

# A limit on the size of files stands in for a full disk: the kernel refuses the write after the first kilobyte.
_WRITE_UNDER_A_LIMIT = """
import resource, signal, sys
from pathlib import Path
from core.atomic import write_atomic
from core.errors import StorageError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))
try:
    write_atomic(Path(sys.argv[1]), b"x" * 5000)
except StorageError as error:
    print(error)
"""


def test_text_and_bytes_are_written_as_they_are(tmp_path: Path) -> None:
    """Text is UTF-8; an existing file is replaced, and nothing else is left in the folder."""
    path = tmp_path / "a.txt"
    write_atomic(path, b"\x00\xff")
    assert path.read_bytes() == b"\x00\xff"
    write_atomic(path, "é\n")
    assert path.read_bytes() == "é\n".encode()
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, repository: Path) -> None:
    """The error says what to do, the old content stands and nothing half-written is left."""
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    done = subprocess.run(
        [sys.executable, "-c", _WRITE_UNDER_A_LIMIT, str(path)], cwd=repository, capture_output=True, text=True
    )
    assert done.stdout.strip() == f"no room left to write {path}; free some space and run it again", done.stderr
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """The error names the path and the reason."""
    with pytest.raises(StorageError, match=r"gone/a.txt \(No such file or directory\)"):
        write_atomic(tmp_path / "gone" / "a.txt", "x")


def test_a_folder_in_the_way_is_not_replaced(tmp_path: Path) -> None:
    """A folder of that name stays, and nothing is left beside it."""
    (tmp_path / "a").mkdir()
    with pytest.raises(StorageError):
        write_atomic(tmp_path / "a", "x")
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_no_room_is_told_from_other_failures(number: int) -> None:
    """A full disk and a quota ask for space."""
    with pytest.raises(StorageError, match="no room left to write x; free some space"), storage_errors(Path("x")):
        raise OSError(number, "full")


def test_a_held_lock_is_refused_without_waiting(tmp_path: Path) -> None:
    """The second holder learns that there is a first, and gets the lock when that is gone."""
    lock = tmp_path / "lock"
    with hold_lock(lock), pytest.raises(Held), hold_lock(lock, wait=False):
        pass
    with hold_lock(lock, wait=False):
        pass


def test_a_lock_ends_with_its_process(tmp_path: Path, repository: Path) -> None:
    """A killed holder leaves no lock behind."""
    lock = tmp_path / "lock"
    code = (
        "import sys; from pathlib import Path; from core.locks import hold_lock\n"
        "with hold_lock(Path(sys.argv[1])):\n    print('held', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(lock)], cwd=repository, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(Held), hold_lock(lock, wait=False):
            pass
        holder.kill()
        holder.wait()
        with hold_lock(lock, wait=False):
            pass


def test_a_lock_in_a_missing_folder_is_a_storage_error(tmp_path: Path) -> None:
    """The lock file's path is named."""
    with pytest.raises(StorageError, match="gone/lock"), hold_lock(tmp_path / "gone" / "lock"):
        pass


def test_what_is_written_aside_takes_its_place_or_vanishes(tmp_path: Path) -> None:
    """A block that fails leaves the old file and nothing beside it; its own error comes through as it is."""
    path = tmp_path / "a.bin"
    with aside(path) as hidden:
        hidden.write_bytes(b"old")

    def fail() -> None:
        with aside(path) as hidden:
            hidden.write_bytes(b"new")
            raise ConnectionError

    with pytest.raises(ConnectionError):
        fail()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_of_two_first_writers_one_wins(tmp_path: Path) -> None:
    """The second finds what the first wrote, which was never readable by others."""
    path = tmp_path / "salt"
    write_first(path, b"one", mode=0o600)
    write_first(path, b"two", mode=0o600)
    assert path.read_bytes() == b"one"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_linked_or_copied_where_links_do_not_reach(tmp_path: Path) -> None:
    """A name that is taken is kept, and a missing file is told."""
    source = tmp_path / "a"
    source.write_bytes(b"a")
    link_or_copy(source, tmp_path / "b")
    assert (tmp_path / "b").samefile(source)
    (tmp_path / "c").write_bytes(b"c")
    link_or_copy(source, tmp_path / "c")
    assert (tmp_path / "c").read_bytes() == b"c"
    with pytest.raises(FileNotFoundError):
        link_or_copy(tmp_path / "gone", tmp_path / "d")
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as elsewhere:
        link_or_copy(source, Path(elsewhere) / "a")
        assert [path.read_bytes() for path in Path(elsewhere).iterdir()] == [b"a"]
