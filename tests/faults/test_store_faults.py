"""The database dies, the disk fills up: suggestions go on, and feedback that was accepted is there afterwards."""

from __future__ import annotations

import contextlib
import os
import shutil
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
        fill(ballast)
        # 404: the answer itself could not be put on record, and said so in a warning.
        until(lambda: sum(load.counts(FEEDBACK, filled)[status] for status in (404, 503)) >= 10)
        until(lambda: {"store_unavailable", "spool_full"} <= warnings_of(service))
        told_after = load.now - filled
        load.wait_for(10)
        ballast.unlink()
        freed = load.now
        load.wait_for(20, FEEDBACK, 201)
        recovered = next(
            one.at for one in load.outcomes if one.what == FEEDBACK and one.at > freed and one.result == 201
        )
    until(lambda: not warnings_of(service))
    assert set(load.counts(SUGGEST)) == GOOD
    assert set(load.counts(FEEDBACK)) <= {201, 202, 503, 404}
    until(lambda: set(load.acknowledged) <= feedback_in(database))
    report(
        "disk full",
        f"full {freed - filled:.1f} s: {told(load, filled, freed)}; /ready said so after {told_after:.1f} s;"
        f" accepted again {recovered - freed:.1f} s after there was room;"
        f" {len(load.acknowledged)} feedback accepted in all, all found",
    )


def fill(ballast: Path) -> None:
    """Leave no room on the disk of ``ballast``."""
    with ballast.open("ab", buffering=0) as file:
        for size in (4096, 1):
            with contextlib.suppress(OSError):
                while file.write(bytes(size)) == size:
                    pass


def warnings_of(service: Service) -> set[str]:
    """Return the codes of what /ready warns of."""
    with service.client() as client:
        return {warning["code"] for warning in client.get("/ready").json().get("warnings", [])}


def feedback_in(database: Path) -> set[str]:
    """Return the ids of all feedback in a SQLite file."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        return {row[0] for row in connection.execute("SELECT id FROM feedback")}


def test_an_answer_that_found_no_room_takes_no_feedback(start: Start, small_disk: Path, report: Report) -> None:
    """Not by any worker, not while the database is believed to be away, and not after a restart."""
    settings = {"database": f"sqlite:///{small_disk / 'tagsmith.db'}", "spool": str(small_disk / "spool")}
    service = start(workers="2", **settings)
    ballast = small_disk / "ballast"
    until(lambda: len(service.told("ready")) == 2)
    with service.client() as client:
        fill(ballast)
        answers = [client.post("/v1/suggestions", json={"seeds": ["dog"]}).json() for _ in range(20)]
        without = [one["suggestion_id"] for one in answers if "no room" in str(one["warnings"])]
        assert client.put("/v1/sets/a", json={"hashtags": ["dog"]}).status_code == 503
        ballast.unlink()
        statuses = [
            client.post("/v1/feedback", json={"suggestion_id": one, "added": ["max"]}).status_code for one in without
        ]
        assert without
        assert set(statuses) == {404}
    service.process.kill()
    with start(**settings).client() as client:
        for one in without:
            refused = client.post("/v1/feedback", json={"suggestion_id": one, "added": ["max"]})
            assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
    report("answers without a record", f"{len(without)} of {len(answers)}: feedback on each 404, before and after")


def test_everything_is_deleted_under_a_running_service(start: Start, tmp_path: Path, report: Report) -> None:
    """`rm -rf var`: nothing fails without being told, and what is accepted afterwards is there after a restart."""
    var = tmp_path / "var"
    settings = {"database": f"sqlite:///{var / 'tagsmith.db'}", "spool": str(var / "spool")}
    service = start(workers="2", **settings)
    with Load(base_url(service)) as load, service.client() as client:
        load.wait_for(10, FEEDBACK, 201)
        shutil.rmtree(var)
        deleted = load.now
        until(lambda: "store_unavailable" in warnings_of(service))
        noticed = load.now
        load.wait_for(20)
        assert client.put("/v1/sets/a", json={"hashtags": ["dog"]}).status_code == 503
        over = load.now
    assert set(load.counts(SUGGEST)) == GOOD
    assert set(load.counts(FEEDBACK)) <= {201, 202, 404, 503}
    assert 201 not in load.counts(FEEDBACK, noticed)
    kept = {one.result for one in load.outcomes if one.what == FEEDBACK and one.at > noticed}
    assert kept <= {202}
    n_before = load.counts(FEEDBACK, 0, deleted)[201]
    accepted = load.acknowledged[-load.counts(FEEDBACK, noticed, over)[202] :]
    service.process.terminate()
    service.ends_with()
    start(**settings).wait_for("ready")
    until(lambda: set(accepted) <= feedback_in(var / "tagsmith.db"))
    report(
        "rm -rf var",
        f"noticed after {noticed - deleted:.1f} s: {told(load, deleted, over)}; of {n_before} feedback before nothing"
        f" is left, as wished; {len(accepted)} accepted since, all found after a restart",
    )


def test_a_backup_takes_the_place_of_the_file(start: Start, tmp_path: Path, report: Report) -> None:
    """While the service runs: it is opened within seconds, and a key that is revoked in it opens nothing any more."""
    file, backup = tmp_path / "tagsmith.db", tmp_path / "backup.db"
    database = {"TAGSMITH_DATABASE": f"sqlite:///{file}"}
    key = new_key(database)
    headers = {"Authorization": f"Bearer {key}"}
    service = start(workers="2", database=database["TAGSMITH_DATABASE"])
    with Load(base_url(service), headers=headers) as load:
        until(lambda: len(service.told("ready")) == 2)
        load.wait_for(10, FEEDBACK, 201)
        with contextlib.closing(sqlite3.connect(file)) as connection:
            connection.execute("VACUUM INTO ?", (str(backup),))
        backup.rename(file)
        replaced = load.now
        load.wait_for(10, FEEDBACK, 201)
        accepted = list(load.acknowledged)[-5:]
        load.wait_for(20, FEEDBACK, 201)
        until(lambda: set(accepted) <= feedback_in(file))
        with contextlib.closing(sqlite3.connect(file)) as connection, connection:
            connection.execute("UPDATE keys SET revoked_ms = 1")
        revoked = load.now
        until(lambda: 401 in load.counts(SUGGEST, revoked))
        refused = next(one.at for one in load.outcomes if one.at >= revoked and one.result == 401)
        time.sleep(1)
    late = {one.result for one in load.outcomes if one.at > refused + 0.5}
    assert late == {401}
    with contextlib.closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    report(
        "a backup takes the place of the file",
        f"{told(load, replaced, revoked)}; the revoked key was refused {refused - revoked:.1f} s after it was revoked",
    )
