"""The database dies, the disk fills up: suggestions go on, and feedback that was accepted is there afterwards."""

from __future__ import annotations

import contextlib
import os
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from service.store.database import CONNECT_S
from tests.faults.conftest import Report, Start, base_url, told
from tests.support.load import FEEDBACK, SUGGEST, Load
from tests.support.new_key import new_key
from tests.support.postgres import Postgres, running_postgres
from tests.support.service_process import ROOT, Service
from tests.support.small_disk import mounted

GOOD = {200}


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    """A running database with the schema of this version."""
    with running_postgres(durable=True) as server:
        environment = {**os.environ, "TAGSMITH_DATABASE": server.url()}
        command = [sys.executable, "-m", "tagsmith", "store", "upgrade"]
        subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
        yield server


def until(true: Callable[[], bool], within_s: float = 240.0) -> None:
    """Wait for something."""
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def stored_in(postgres: Postgres) -> set[str]:
    """Return the ids of all feedback in the database."""
    return set(postgres.query("SELECT id FROM feedback"))


@pytest.mark.parametrize("real", [False, pytest.param(True, marks=pytest.mark.faults)], ids=["fakes", "starter"])
def test_postgresql_killed_and_back(start: Start, postgres: Postgres, report: Report, real: bool) -> None:
    """Every suggestion is answered throughout, with a warning while it is away; no accepted feedback is lost."""
    service = start(real=real, database=postgres.url(), workers="2")
    with service.client() as client, Load(base_url(service)) as load:
        load.wait_for(20, FEEDBACK, 201)
        killed = load.now
        postgres.kill()
        load.wait_for(10, FEEDBACK, 202)
        until(lambda: "store_unavailable" in str(client.get("/ready").json().get("warnings")))
        assert client.get("/ready").status_code == 200
        postgres.start()
        back = load.now
        load.wait_for(20, FEEDBACK, 201)
        recovered = next(
            one.at for one in load.outcomes if one.what == FEEDBACK and one.at > back and one.result == 201
        )
        until(lambda: "warnings" not in client.get("/ready").json())
    assert set(load.counts(SUGGEST)) == GOOD
    assert any("store_unavailable" in one.warned for one in load.outcomes if killed < one.at < back)
    until(lambda: set(load.acknowledged) <= stored_in(postgres))
    report(
        "PostgreSQL killed and back",
        f"away {back - killed:.1f} s: {told(load, killed, back)}; stored again {recovered - back:.1f} s after it was"
        f" back; {len(load.acknowledged)} feedback accepted in all, {len(load.acknowledged)} found",
    )


@pytest.mark.faults
def test_postgresql_hangs_and_goes_on(start: Start, postgres: Postgres, report: Report) -> None:
    """It takes every call and answers none."""
    with_key = _key_for(postgres.url())
    service = start(database=postgres.url(), workers="2")
    measured = _stuck_for_a_while(service, with_key, postgres.frozen(), lambda: stored_in(postgres))
    report("PostgreSQL hangs", measured)
    postgres.query("DELETE FROM keys")  # the other tests' services ask for none


@pytest.mark.faults
def test_another_program_locks_the_file(start: Start, report: Report, tmp_path: Path) -> None:
    """A transaction that somebody began in a shell and forgot."""
    file = tmp_path / "tagsmith.db"
    with_key = _key_for(f"sqlite:///{file}")
    service = start(database=f"sqlite:///{file}", workers="2")

    @contextlib.contextmanager
    def locked() -> Iterator[None]:
        with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as shell:
            shell.execute("BEGIN IMMEDIATE")
            yield

    def stored() -> set[str]:
        with contextlib.closing(sqlite3.connect(file)) as database:
            return {one for (one,) in database.execute("SELECT id FROM feedback")}

    report("SQLite file locked", _stuck_for_a_while(service, with_key, locked(), stored))


def _key_for(database: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {new_key({'TAGSMITH_DATABASE': database})}"}


def _stuck_for_a_while(
    service: Service,
    headers: dict[str, str],
    stuck: contextlib.AbstractContextManager[None],
    stored: Callable[[], set[str]],
) -> str:
    """Return what came of requests while the database was ``stuck``: all are answered, and nothing accepted is lost."""
    with Load(base_url(service), headers=headers) as load:
        load.wait_for(20, FEEDBACK, 201)
        since = load.now
        with stuck:
            load.wait_for(200, FEEDBACK, 202)
            free = load.now
        load.wait_for(20, FEEDBACK, 201)
    assert set(load.counts(SUGGEST)) == GOOD
    assert set(load.counts(FEEDBACK)) <= {201, 202}
    until(lambda: set(load.acknowledged) <= stored())
    n_slow = sum(one.what == SUGGEST and since <= one.at < free and one.took > 1 for one in load.outcomes)
    return (
        f"for {free - since:.1f} s: {told(load, since, free)}, {n_slow} of them over a second;"
        f" {len(load.acknowledged)} feedback accepted, all found"
    )


def test_a_service_killed_while_the_database_is_away_loses_nothing(
    start: Start, postgres: Postgres, report: Report, tmp_path: Path
) -> None:
    """What was accepted lies on the disk; the next process carries it over."""
    spool = str(tmp_path / "spool")
    service = start(database=postgres.url(), spool=spool)
    with Load(base_url(service)) as load:
        load.wait_for(5, FEEDBACK, 201)
        postgres.kill()
        load.wait_for(20, FEEDBACK, 202)
        service.process.kill()
        load.wait_for(1, SUGGEST, "ConnectError")  # type: ignore[arg-type]
    postgres.start()
    start(database=postgres.url(), spool=spool).wait_for("ready")
    until(lambda: set(load.acknowledged) <= stored_in(postgres))
    report(
        "killed while the database is away", f"{len(load.acknowledged)} feedback accepted, all found after a restart"
    )


@pytest.mark.parametrize("kind", ["nobody there", "silent"])
def test_a_database_that_is_away_at_the_start_is_said_so(start: Start, report: Report, kind: str) -> None:
    """Exit code 2 and a sentence within seconds, rather than a service that remembers nothing or one that hangs."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        address = f"127.0.0.1:{port}"
        if kind == "nobody there":
            listener.close()
        service = start(database=f"postgresql://tagsmith@{address}/tagsmith")
        waited = 0.0 if kind == "nobody there" else _held_on_to(listener)
        assert service.ends_with() == 2
    assert len(service.told("store failed")) == 1
    *logged, sentence = service.lines
    assert all(line.startswith("{") for line in logged)
    why = {"nobody there": "because nothing listens there", "silent": "or does not answer in time"}[kind]
    assert sentence == (
        f"tagsmith: the database postgresql://tagsmith@{address}/tagsmith cannot be reached, {why}: check that it runs,"
        " or name another: TAGSMITH_DATABASE\n"
    )
    # It gives a database two seconds; the rest is for a machine that has other things to do.
    assert waited < 10 * CONNECT_S
    report(f"away at the start, {kind}", f"exit code 2 and a sentence; waited {waited:.1f} s for the database")


def _held_on_to(listener: socket.socket) -> float:
    """Take every call and say nothing; return the seconds from the first call to when the last one was hung up."""
    listener.settimeout(240)
    caller, _ = listener.accept()
    began = time.monotonic()
    caller.settimeout(240)
    while True:
        with caller:
            while caller.recv(65_536):
                pass
        ended = time.monotonic()
        listener.settimeout(3)
        try:
            caller, _ = listener.accept()
        except TimeoutError:
            return ended - began


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of three megabytes."""
    with mounted(tmp_path / "disk", "3m") as place:
        yield place


@pytest.mark.parametrize("real", [False, pytest.param(True, marks=pytest.mark.faults)], ids=["fakes", "starter"])
def test_a_full_disk(start: Start, small_disk: Path, report: Report, real: bool) -> None:
    """Suggestions go on; feedback is refused, never accepted and lost; with room again all is well."""
    database = small_disk / "tagsmith.db"
    service = start(real=real, database=f"sqlite:///{database}", spool=str(small_disk / "spool"))
    ballast = small_disk / "ballast"
    with Load(base_url(service)) as load:
        load.wait_for(10, FEEDBACK, 201)
        filled = load.now
        with ballast.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass
        # 404: the answer itself could not be put on record, and said so in a warning.
        until(lambda: sum(load.counts(FEEDBACK, filled)[status] for status in (404, 503)) >= 10)
        load.wait_for(10)
        ballast.unlink()
        freed = load.now
        load.wait_for(20, FEEDBACK, 201)
        recovered = next(
            one.at for one in load.outcomes if one.what == FEEDBACK and one.at > freed and one.result == 201
        )
    assert set(load.counts(SUGGEST)) == GOOD
    assert set(load.counts(FEEDBACK)) <= {201, 202, 503, 404}

    def stored() -> set[str]:
        with sqlite3.connect(database) as connection:
            return {row[0] for row in connection.execute("SELECT id FROM feedback")}

    until(lambda: set(load.acknowledged) <= stored())
    report(
        "disk full",
        f"full {freed - filled:.1f} s: {told(load, filled, freed)}; accepted again {recovered - freed:.1f} s after"
        f" there was room; {len(load.acknowledged)} feedback accepted in all, all found",
    )
