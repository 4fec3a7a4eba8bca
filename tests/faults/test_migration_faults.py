"""Killed in the middle of a migration: the schema is the one before or the one after, and every row is there."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.store.schema import HEAD, REVISIONS
from tests.faults.conftest import Report, Start, base_url, told
from tests.support.load import FEEDBACK, SUGGEST, Load
from tests.support.postgres import Postgres, running_postgres
from tests.support.service_process import ROOT

BEFORE = REVISIONS[-2]
N_ROWS = 20_000


def store_command(database: str, *words: str) -> list[str]:
    """Return ``tagsmith store`` with some words."""
    return [sys.executable, "-m", "tagsmith", "store", *words]


def run(database: str, *words: str) -> None:
    """Run ``tagsmith store`` to its end."""
    environment = {**os.environ, "TAGSMITH_DATABASE": database}
    subprocess.run(store_command(database, *words), cwd=ROOT, env=environment, check=True, capture_output=True)


def begin(database: str, *words: str) -> subprocess.Popen[bytes]:
    """Begin ``tagsmith store``."""
    environment = {**os.environ, "TAGSMITH_DATABASE": database}
    nothing = subprocess.DEVNULL
    return subprocess.Popen(store_command(database, *words), cwd=ROOT, env=environment, stdout=nothing, stderr=nothing)


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    """A running, empty database."""
    with running_postgres(durable=True) as server:
        yield server


@pytest.mark.faults
def test_killed_in_the_middle_of_a_migration_of_postgresql(start: Start, postgres: Postgres, report: Report) -> None:
    """Held up in its middle by a lock, then killed: nothing of it is left, and the service did not notice."""
    run(postgres.url(), "upgrade")
    service = start(database=postgres.url())
    with Load(base_url(service)) as load:
        load.wait_for(20, FEEDBACK, 201)
        before = postgres.query("SELECT count(*) FROM feedback")
        # A reader of the table that says which schema this is holds the migration up at its end.
        reader = subprocess.Popen(
            [postgres.program("psql"), "-X", "-q", postgres.url()], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
        )
        assert reader.stdin is not None
        reader.stdin.write(b"BEGIN; LOCK TABLE alembic_version IN SHARE MODE;\n")
        reader.stdin.flush()
        migration = begin(postgres.url(), "downgrade", "--to", BEFORE)
        deadline = time.monotonic() + 300
        while postgres.query("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'") == []:
            assert time.monotonic() < deadline
            assert migration.poll() is None
            time.sleep(0.05)
        load.wait_for(10)
        migration.kill()
        migration.wait()
        reader.stdin.close()
        reader.wait()
        load.wait_for(20, FEEDBACK, 201)
    assert postgres.query("SELECT version_num FROM alembic_version") == [HEAD]
    assert int(postgres.query("SELECT count(*) FROM feedback")[0]) >= int(before[0])
    assert set(load.counts(SUGGEST)) == {200}
    assert set(load.acknowledged) <= set(postgres.query("SELECT id FROM feedback"))
    run(postgres.url(), "downgrade", "--to", BEFORE)
    run(postgres.url(), "upgrade")
    report(
        "killed in a migration of PostgreSQL",
        f"{told(load)}; {len(load.acknowledged)} feedback accepted, all found; schema {HEAD} as before, down and up"
        " again afterwards",
    )


@pytest.mark.parametrize("n_kills", [2, pytest.param(20, marks=pytest.mark.faults)])
def test_killed_at_any_moment_of_a_migration_of_sqlite(tmp_path: Path, report: Report, n_kills: int) -> None:
    """Whatever the moment, the file is whole, of one schema, with every row, and can be brought on."""
    file = tmp_path / "tagsmith.db"
    url = f"sqlite:///{file}"
    run(url, "upgrade")
    with sqlite3.connect(file) as connection:
        connection.executemany(
            "INSERT INTO sets (workspace, name, hashtags, created_ms, updated_ms, etag) VALUES (?, ?, ?, 0, 0, ?)",
            ((f"w{number % 50}", f"set{number}", '["dog"]', "1") for number in range(N_ROWS)),
        )
    found: set[str] = set()
    for turn in range(n_kills):
        words = ("downgrade", "--to", BEFORE) if turn % 2 == 0 else ("upgrade",)
        migration = begin(url, *words)
        wal = Path(f"{file}-wal")
        size = wal.stat().st_size if wal.exists() else 0
        # The moment is found by what it does, not by a clock: it has begun to write, or is over.
        while migration.poll() is None and (not wal.exists() or wal.stat().st_size == size):
            pass
        migration.kill()
        migration.wait()
        with sqlite3.connect(file) as connection:
            ((schema,),) = connection.execute("SELECT version_num FROM alembic_version")
            assert schema in (BEFORE, HEAD)
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert connection.execute("SELECT count(*) FROM sets").fetchone() == (N_ROWS,)
        found.add(schema)
    run(url, "upgrade")
    report(
        f"{n_kills} x killed in a migration of SQLite", f"whole each time, schemas found: {', '.join(sorted(found))}"
    )
