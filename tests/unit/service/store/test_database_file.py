"""A SQLite file that is deleted, replaced, overwritten or on a full disk while the service has it open."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import pytest

from core.errors import StoreUnavailable
from service.observe.metrics import Metrics
from service.store.database import Store, open_store
from service.store.journal import Journal
from service.store.key_ring import KeyRing, StoredKey
from service.store.schema import accept
from service.store.sets import Sets
from service.store.watch import AWAY, StoreWatch


@pytest.fixture
def file(tmp_path: Path, empty_database: Path) -> Path:
    """A database with the current schema."""
    return Path(shutil.copy(empty_database, tmp_path / "tagsmith.db"))


@pytest.fixture
async def store(file: Path) -> AsyncIterator[Store]:
    """A store that has it open."""
    opened = open_store(f"sqlite:///{file}")
    opened.accepts = accept
    assert await opened.look()
    yield opened
    await opened.close()


async def _put(store: Store, name: str) -> None:
    await Sets(store).put("w", name, ["dog"])


def _sets_in(file: Path) -> set[str]:
    with closing(sqlite3.connect(file)) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sets")}


def _with_log(file: Path) -> list[Path]:
    return list(file.parent.glob(f"{file.name}*"))


async def test_what_is_written_to_a_deleted_file_is_not_stored(store: Store, file: Path) -> None:
    """It is away until it is put back: no new file is made, which would have no keys."""
    await _put(store, "before")
    kept = [(path, path.rename(path.with_name(f"{path.name}.kept"))) for path in _with_log(file)]
    with pytest.raises(StoreUnavailable):
        await _put(store, "lost")
    for _ in range(2):
        assert not await store.look()
    assert store.away
    assert not file.exists()
    for path, moved in kept:
        moved.rename(path)
    assert await store.look()
    await _put(store, "after")
    assert _sets_in(file) == {"before", "after"}


async def test_a_file_that_is_deleted_during_a_transaction_is_noticed_before_it_is_acknowledged(
    store: Store, file: Path
) -> None:
    """The commit itself succeeds, in a file without a name."""

    async def write_and_delete() -> None:
        async with store.transaction() as connection:
            await connection.exec_driver_sql("INSERT INTO workspaces VALUES ('w', 1)")
            for path in _with_log(file):
                path.unlink()

    with pytest.raises(StoreUnavailable):
        await write_and_delete()


async def test_a_log_that_is_deleted_is_noticed(store: Store, file: Path) -> None:
    """What is not in the file yet would be gone."""
    await _put(store, "before")
    file.with_name(f"{file.name}-wal").unlink()
    with pytest.raises(StoreUnavailable):
        await _put(store, "lost")
    assert await store.look()
    await _put(store, "after")
    assert "after" in _sets_in(file)


async def test_a_key_that_was_revoked_in_a_restored_file_is_refused(store: Store, file: Path) -> None:
    """A backup is put in place while the service runs, and another process revokes a key in it."""
    ring = KeyRing(store)
    key, _ = await _created(ring)
    backup = file.with_name("backup.db")
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("VACUUM INTO ?", (str(backup),))
    await _put(store, "since the backup")
    backup.rename(file)
    assert await store.look()
    revoke = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('PRAGMA journal_mode=WAL');"
        "c.execute('UPDATE keys SET revoked_ms = 1'); c.commit(); c.close()"
    )
    subprocess.run([sys.executable, "-c", revoke, str(file)], check=True)
    found = await ring.find(key.key_id)
    assert found is not None
    assert not ring.is_valid(found)
    await _put(store, "after")
    await store.close()
    assert _sets_in(file) == {"after"}
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


async def _created(ring: KeyRing) -> tuple[StoredKey, str]:
    return await ring.create(workspace="w", name="n", scopes=["suggest"], per_minute=6, lifetime_s=None)


async def test_two_processes_move_to_a_restored_file_without_harming_each_other(store: Store, file: Path) -> None:
    """The one that closes the old file last must not take the log of the new one away."""
    slow = sqlite3.connect(file, isolation_level=None)
    slow.execute("PRAGMA journal_mode=WAL")
    slow.execute("INSERT INTO workspaces VALUES ('w', 1)")
    backup = file.with_name("backup.db")
    slow.execute("VACUUM INTO ?", (str(backup),))
    backup.rename(file)
    assert await store.look()
    await _put(store, "after")
    slow.close()
    await _put(store, "later")
    await store.close()
    assert _sets_in(file) == {"after", "later"}


async def test_a_file_of_another_schema_is_not_taken(store: Store, file: Path, tmp_path: Path) -> None:
    """Nor is one that is empty: neither is upgraded under requests. A restart does that."""
    with closing(sqlite3.connect(tmp_path / "old.db")) as old:
        old.execute("CREATE TABLE alembic_version (version_num TEXT)")
        old.execute("INSERT INTO alembic_version VALUES ('0001')")
        old.commit()
    for other in (tmp_path / "old.db", tmp_path / "empty.db"):
        other.touch()
        for path in _with_log(file):
            path.unlink()
        other.rename(file)
        assert not await store.look()
        assert store.away


async def test_a_database_without_keys_lets_nobody_in_who_needed_one(
    store: Store, file: Path, empty_database: Path
) -> None:
    """Whoever can put a file in place has not thereby opened the service."""
    ring = KeyRing(store)
    await _created(ring)
    assert await ring.any_key()
    shutil.copy(empty_database, file.with_name("other.db"))
    for path in _with_log(file):
        path.unlink()
    file.with_name("other.db").rename(file)
    assert await store.look()
    await ring.refresh()
    assert await ring.any_key()


def _garbage(file: Path) -> None:
    with file.open("r+b") as overwritten:
        overwritten.write(os.urandom(16_384))


def _cut(file: Path) -> None:
    os.truncate(file, 0)


@pytest.mark.parametrize("spoil", [_garbage, _cut])
async def test_a_file_that_is_overwritten_is_noticed(store: Store, file: Path, spoil: Callable[[Path], None]) -> None:
    """Although the log beside it, and what is in memory, would still answer. A backup that is put back is used."""
    await _put(store, "before")
    backup = file.with_name("backup.db")
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("VACUUM INTO ?", (str(backup),))
    # In a process of its own: closing the file here would release SQLite's locks on it.
    child = os.fork()
    if child == 0:
        spoil(file)
        os._exit(0)
    os.waitpid(child, 0)
    for _ in range(2):
        assert not await store.look()
    assert store.away
    for path in _with_log(file):
        path.unlink()
    backup.rename(file)
    assert await store.look()
    assert _sets_in(file) == {"before"}


async def test_a_full_disk_is_told_to_the_operator(store: Store, file: Path, tmp_path: Path) -> None:
    """Nobody asks for anything, and reading works; the warning and the metric come and go by themselves."""
    concerns: dict[str, str] = {}
    metrics = Metrics()
    watch = StoreWatch(store, concerns, metrics, Journal(store, tmp_path / "spool"))
    store._written_at = -1e9
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The system refuses to let a file grow past this, as a full disk would.
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, before[1]))
    try:
        for _ in range(3):
            await watch.look()
            assert set(concerns) == {AWAY}
            assert "tagsmith_store_up 0.0" in metrics.exposition().decode()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    await watch.look()
    await watch.look()
    assert concerns == {}
    assert "tagsmith_store_up 1.0" in metrics.exposition().decode()


async def test_what_fails_for_requests_is_told_although_looking_works(store: Store, tmp_path: Path) -> None:
    """A disk that has room for a small change alone, or a page in the middle that is spoilt."""
    concerns: dict[str, str] = {}
    watch = StoreWatch(store, concerns, Metrics(), Journal(store, tmp_path / "spool"))
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            async with store.transaction() as connection:
                await connection.exec_driver_sql("SELECT * FROM nowhere")
        await watch.look()
        assert set(concerns) == {AWAY}
    await watch.look()
    assert concerns == {}
