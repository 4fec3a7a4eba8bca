"""Making and publishing bundles: whole or not at all."""

from __future__ import annotations

import errno
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.bundle.draft import DraftBundle
from core.bundle.manifest import Provenance
from core.bundle.opening import current, list_bundles, open_bundle
from core.errors import BundleCorrupt, BundleMissing, StorageError

FACTS = Provenance(created="2026-11-22T06:00:00Z", topics=("pets",))

_FILL_THE_DISK = """
import resource, signal, sys
from pathlib import Path
from core.bundle.draft import DraftBundle
from core.errors import StorageError
from core.bundle.manifest import Provenance
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
try:
    with DraftBundle(Path(sys.argv[1]), "two") as draft:
        for n in range(10):
            draft.path(f"tables/{n}.bin").write_bytes(b"x" * 600)
        draft.seal(Provenance(created="2026-11-22T06:00:00Z", topics=("pets",)))
        draft.publish()
except StorageError as error:
    print(error)
"""


def publish(store: Path, bundle_id: str) -> None:
    """Publish a bundle with one file that says which it is."""
    with DraftBundle(store, bundle_id) as draft:
        draft.path("tables/global/words.json").write_text(bundle_id)
        draft.seal(FACTS)
        draft.publish()


def test_a_draft_can_be_used_before_it_is_published(tmp_path: Path) -> None:
    """Evaluation reads the sealed draft, adds its figures, and the draft is sealed again."""
    with DraftBundle(tmp_path, "one") as draft:
        draft.path("tables/global/words.json").write_text("[]")
        bundle = draft.seal(FACTS)
        assert bundle.path("tables/global/words.json").read_text() == "[]"
        draft.path("metrics.json").write_text("{}")
        draft.seal(bundle.manifest)
        published = draft.publish()
    assert published.root == tmp_path / "one"
    assert published.names() == ("metrics.json", "tables/global/words.json")
    assert open_bundle(current(tmp_path)).manifest == published.manifest


def test_a_draft_that_is_not_published_leaves_nothing(tmp_path: Path) -> None:
    """Neither a folder nor a pointer."""
    with DraftBundle(tmp_path, "one") as draft:
        draft.path("a").write_text("a")
        draft.seal(FACTS)
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_an_error_while_making_leaves_nothing_and_goes_on(tmp_path: Path) -> None:
    """Errors of others pass through as they are."""
    with pytest.raises(ZeroDivisionError), DraftBundle(tmp_path, "one"):
        raise ZeroDivisionError
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_a_full_disk_met_by_anyone_is_a_storage_error(tmp_path: Path) -> None:
    """An OSError of whoever writes into the draft is told with what to do."""
    with pytest.raises(StorageError, match="no room left"), DraftBundle(tmp_path, "one"):
        raise OSError(errno.ENOSPC, "full")


@pytest.mark.parametrize("limit", [500, 700])
def test_a_full_disk_leaves_the_store_as_it_was(tmp_path: Path, repository: Path, limit: int) -> None:
    """Full while a table is written (500 bytes) or while the manifest is (700): the served bundle stays."""
    publish(tmp_path, "one")
    before = sorted(path.name for path in tmp_path.iterdir())
    done = subprocess.run(
        [sys.executable, "-c", _FILL_THE_DISK, str(tmp_path), str(limit)],
        cwd=repository,
        capture_output=True,
        text=True,
    )
    assert "no room left to write" in done.stdout, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert open_bundle(current(tmp_path)).manifest.bundle_id == "one"


def test_an_unsealed_draft_is_not_published(tmp_path: Path) -> None:
    """There is no manifest to publish by."""
    with pytest.raises(BundleMissing), DraftBundle(tmp_path, "one") as draft:
        draft.publish()
    assert list_bundles(tmp_path) == ()


def test_a_file_changed_after_sealing_is_not_published(tmp_path: Path) -> None:
    """The draft is verified by opening it again."""
    with DraftBundle(tmp_path, "one") as draft:
        draft.path("a").write_text("a")
        draft.seal(FACTS)
        draft.path("a").write_text("b")
        with pytest.raises(BundleCorrupt, match="not what the manifest says"):
            draft.publish()
    assert list_bundles(tmp_path) == ()


def test_a_taken_id_is_refused_before_the_work_starts(tmp_path: Path) -> None:
    """Nobody trains for an hour to learn that the name is taken, and a bundle never changes under its name."""
    publish(tmp_path, "one")
    with pytest.raises(StorageError, match="one is there already; choose another id"), DraftBundle(tmp_path, "one"):
        pytest.fail("the draft must not start")


@pytest.mark.parametrize("bundle_id", ["", "..", "a/b", ".hidden", "CURRENT", "é", "x" * 101])
def test_an_id_must_be_able_to_name_a_folder(tmp_path: Path, bundle_id: str) -> None:
    """Pointers, hidden folders and paths are no ids."""
    with pytest.raises(StorageError, match="cannot name a bundle"), DraftBundle(tmp_path, bundle_id):
        pytest.fail("the draft must not start")


@pytest.mark.parametrize("name", ["../up", "/abs", "a/../b", "", "manifest.json", "a\\b", "a//b", "a/"])
def test_files_stay_inside_the_draft(tmp_path: Path, name: str) -> None:
    """A name that leads out, or is the manifest's, is refused."""
    with DraftBundle(tmp_path, "one") as draft, pytest.raises(StorageError, match="cannot be a file of a bundle"):
        draft.path(name)


def test_a_link_in_a_draft_is_refused(tmp_path: Path) -> None:
    """What a bundle holds is in the bundle."""
    with DraftBundle(tmp_path, "one") as draft:
        draft.path("a").symlink_to(tmp_path)
        with pytest.raises(StorageError, match="is not a plain file"):
            draft.seal(FACTS)


def test_facts_that_could_not_be_read_back_are_refused(tmp_path: Path) -> None:
    """A manifest that ``open_bundle`` would refuse is not written."""
    with DraftBundle(tmp_path, "one") as draft:
        with pytest.raises(BundleCorrupt, match="created"):
            draft.seal(Provenance(created="now", topics=()))
        assert not (draft.root / "manifest.json").exists()


def test_the_next_publish_clears_away_what_a_killed_run_left(tmp_path: Path, repository: Path) -> None:
    """The staging folder of a dead maker goes, that of one still at work stays."""
    code = (
        "import os, sys; from pathlib import Path; from core.bundle.draft import DraftBundle\n"
        "draft = DraftBundle(Path(sys.argv[1]), 'dead').__enter__()\n"
        "draft.path('tables/big.bin').write_bytes(b'x'); os._exit(9)\n"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=repository).returncode == 9
    assert len(list(tmp_path.glob(".staging-dead-*"))) == 2, "the folder and its lock"
    (tmp_path / ".staging-dead-12345678.lock").touch()
    with DraftBundle(tmp_path, "alive") as alive:
        publish(tmp_path, "one")
        assert not list(tmp_path.glob(".staging-dead-*"))
        alive.path("a").write_text("a")
        alive.seal(FACTS)
        alive.publish()
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "CURRENT", "PREVIOUS", "alive", "one"]


def test_many_publishing_at_once_do_not_get_into_each_others_way(tmp_path: Path) -> None:
    """All bundles are whole afterwards, and the pointers name two of them."""
    ids = [f"b{n}" for n in range(12)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda bundle_id: publish(tmp_path, bundle_id), ids))
    assert list_bundles(tmp_path) == tuple(sorted(ids))
    for bundle_id in ids:
        bundle = open_bundle(tmp_path / bundle_id)
        assert bundle.path("tables/global/words.json").read_text() == bundle_id
    assert current(tmp_path).name in ids
    assert not list(tmp_path.glob(".staging-*"))


def test_two_publishing_one_id_leave_one_whole_bundle(tmp_path: Path) -> None:
    """The second to arrive is refused, whatever it had prepared."""
    with DraftBundle(tmp_path, "one") as first, DraftBundle(tmp_path, "one") as second:
        for draft, content in ((first, "first"), (second, "second")):
            draft.path("a").write_text(content)
            draft.seal(FACTS)
        first.publish()
        with pytest.raises(StorageError, match="there already"):
            second.publish()
    assert open_bundle(tmp_path / "one").path("a").read_text() == "first"


def test_the_bundle_is_kept_when_only_the_pointer_cannot_move(tmp_path: Path) -> None:
    """The work of an hour is not thrown away: the message says how to make it current."""
    (tmp_path / "CURRENT").mkdir()
    with pytest.raises(StorageError, match=r"one is complete, but not current: .*tagsmith bundle use one"):
        publish(tmp_path, "one")
    assert open_bundle(tmp_path / "one").manifest.bundle_id == "one"
