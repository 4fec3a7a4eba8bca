"""What a service remembers through kills, outages and keys: real processes, a real PostgreSQL."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from service.store.database import open_store
from service.store.schema import HEAD, migrate
from tagsmith.cli import app
from tests.support.postgres import Postgres, running_postgres
from tests.support.service_process import ROOT, Service

FAKE = "tests.support.fake_service"
WITHIN_S = 30.0


@pytest.fixture
def folder(tmp_path: Path) -> dict[str, str]:
    """Settings that keep everything in one folder, from one process to the next."""
    return {"TAGSMITH_DATABASE": f"sqlite:///{tmp_path}/tagsmith.db", "TAGSMITH_SPOOL": f"{tmp_path}/spool"}


@pytest.fixture
def durable() -> Iterator[Postgres]:
    """A server that waits for the disk, as one in use does."""
    with running_postgres(durable=True) as server:
        yield server


def _tagsmith(settings: dict[str, str], *words: str) -> Result:
    """Run a command beside the service; in this process, which is as good as another one for the database."""
    return CliRunner().invoke(app, list(words), env=settings)


def _suggest(client: httpx.Client, **headers: str) -> dict[str, Any]:
    response = client.post("/v1/suggestions", json={"seeds": ["dog"], "limit": 3}, headers=headers)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


def _kill(service: Service) -> None:
    os.kill(service.process.pid, signal.SIGKILL)
    service.ends_with()


def test_a_killed_service_forgets_nothing_that_it_answered(folder: dict[str, str]) -> None:
    """Killed in the moment after its answers: each of them can be spoken of to the next process."""
    first = Service(FAKE, folder)
    with first.client() as client:
        answers = [_suggest(client) for _ in range(20)]
        given = client.post("/v1/feedback", json={"suggestion_id": answers[0]["suggestion_id"], "added": ["max"]})
        assert given.status_code == 201
        answers.append(_suggest(client))
        _kill(first)
    second = Service(FAKE, folder)
    with second.client() as client:
        for answer in answers:
            about = {"suggestion_id": answer["suggestion_id"], "accepted": ["cat"]}
            assert client.post("/v1/feedback", json=about).status_code == 201
        assert client.delete(f"/v1/feedback/{given.json()['feedback_id']}").status_code == 204
    second.process.terminate()
    assert second.ends_with() == 0


def test_a_database_that_is_killed_and_comes_back_costs_nobody_anything(durable: Postgres, tmp_path: Path) -> None:
    """Suggestions never fail; feedback is stored or kept, and all of it counts once in the end."""

    async def prepare() -> str:
        url = await durable.new_database("tagsmith")
        store = open_store(url)
        await migrate(store, HEAD)
        await store.close()
        return url

    settings = {"TAGSMITH_DATABASE": asyncio.run(prepare()), "TAGSMITH_SPOOL": f"{tmp_path}/spool"}
    key = _tagsmith(settings, "keys", "create", "--name", "load", "--only-key").stdout.strip()
    headers = {"authorization": f"Bearer {key}"}
    service = Service(FAKE, settings)
    states: list[str] = []

    def work(client: httpx.Client, n_rounds: int) -> None:
        for _ in range(n_rounds):
            answer = _suggest(client, **headers)
            about = {"suggestion_id": answer["suggestion_id"], "added": [f"mine{len(states)}"]}
            given = client.post("/v1/feedback", json=about, headers=headers)
            assert given.status_code in (201, 202), given.text
            states.append(given.json()["state"])

    with service.client() as client:
        work(client, 5)
        durable.kill()
        work(client, 5)
        assert [warning["code"] for warning in _suggest(client, **headers)["warnings"]] == ["store_unavailable"]
        assert client.get("/v1/sets", headers=headers).status_code == 503
        _kill(service)
    durable.start()
    service = Service(FAKE, settings)
    with service.client() as client:
        work(client, 5)
        deadline = time.monotonic() + WITHIN_S
        while (n_rows := asyncio.run(_n_feedback(settings["TAGSMITH_DATABASE"]))) < 15 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert n_rows == 15
        assert _suggest(client, **headers)["warnings"] == []
    assert states[:5] == ["stored"] * 5
    assert states[5:10] == ["kept"] * 5
    logged = "".join(service.lines)
    assert key.rpartition("_")[2] not in logged
    service.process.terminate()
    assert service.ends_with() == 0


async def _n_feedback(url: str) -> int:
    store = open_store(url)
    try:
        async with store.statements() as connection:
            return int((await connection.exec_driver_sql("SELECT count(*) FROM feedback")).scalar_one())
    finally:
        await store.close()


def test_keys_are_made_listed_and_revoked_while_the_service_runs(folder: dict[str, str]) -> None:
    """By commands of another process; the public address opens once there is a key."""
    refused = Service(FAKE, {**folder, "TAGSMITH_HOST": "0.0.0.0"})
    assert refused.ends_with() == 2
    assert "tagsmith keys create" in "".join(refused.lines)
    made = _tagsmith(folder, "keys", "create", "--name", "queue", "--scope", "suggest", "--expires", "2h")
    assert made.exit_code == 0, made.stderr
    key = made.stdout.strip()
    service = Service(FAKE, {**folder, "TAGSMITH_HOST": "0.0.0.0"})
    port = service.wait_for("listening")["url"].rpartition(":")[2]
    service.wait_for("ready")
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        assert client.post("/v1/suggestions", json={"seeds": ["dog"]}).status_code == 401
        _suggest(client, authorization=f"Bearer {key}")
        (listed,) = [json.loads(line) for line in _tagsmith(folder, "keys", "list", "--json").stdout.splitlines()]
        assert (listed["state"], listed["name"], listed["scopes"]) == ("valid", "queue", ["suggest"])
        assert key.rpartition("_")[2] not in json.dumps(listed)
        assert _tagsmith(folder, "keys", "revoke", listed["id"]).exit_code == 0
        gone = client.post("/v1/suggestions", json={"seeds": ["dog"]}, headers={"x-api-key": key})
        assert gone.json()["code"] == "bad_key"
    assert "revoked" in _tagsmith(folder, "keys", "list").stdout
    assert _tagsmith(folder, "keys", "revoke", "nosuchkey").exit_code == 2
    for wrong in (["--scope", "everything"], ["--expires", "soon"], ["--workspace", "A b"], ["--per-minute", "0"]):
        assert _tagsmith(folder, "keys", "create", "--name", "x", *wrong).exit_code == 2
    service.process.terminate()
    assert service.ends_with() == 0


def test_a_service_that_cannot_use_its_database_says_why_and_ends(folder: dict[str, str]) -> None:
    """An address that nobody answers at, another kind, a schema from the future: one line, exit code 2, no password."""
    away = "postgresql://user:secretpassword@127.0.0.1:1/tagsmith"
    for settings, said in (
        ({**folder, "TAGSMITH_DATABASE": away}, "cannot be reached"),
        ({**folder, "TAGSMITH_DATABASE": "mysql://localhost/x"}, "sqlite:///"),
        ({**folder, "TAGSMITH_DATABASE": "sqlite:///:memory:"}, "sqlite:///a/file"),
        ({**folder, "TAGSMITH_DATABASE_PASSWORD_FILE": "/nonexistent"}, "password file"),
    ):
        service = Service(FAKE, settings)
        assert service.ends_with() == 2
        assert said in "".join(service.lines)
        assert "secretpassword" not in "".join(service.lines)
    assert _tagsmith(folder, "store", "upgrade").exit_code == 0

    async def tamper() -> None:
        store = open_store(folder["TAGSMITH_DATABASE"])
        async with store.transaction() as connection:
            await connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        await store.close()

    asyncio.run(tamper())
    service = Service(FAKE, folder)
    assert service.ends_with() == 2
    assert "9999" in "".join(service.lines)
    assert _tagsmith(folder, "store", "check").exit_code == 2


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize(
    ("name", "said"),
    [("notes.txt", "is not a SQLite database: move the file away"), ("folder", "is a folder: name a file in it")],
)
def test_what_is_no_database_is_called_what_it_is(tmp_path: Path, name: str, said: str) -> None:
    """By the service and by each command that uses the database; what was there stays as it was."""
    (tmp_path / "notes.txt").write_text("Call the plumber. " * 100, "utf-8")
    (tmp_path / "folder").mkdir()
    settings = {"TAGSMITH_DATABASE": f"sqlite:///{tmp_path}/{name}", "TAGSMITH_SPOOL": f"{tmp_path}/spool"}
    for words in (["keys", "list"], ["keys", "create", "--name", "x"], ["keys", "revoke", "x"], ["store", "check"]):
        done = _tagsmith(settings, *words)
        assert (done.exit_code, said in done.stderr) == (2, True), done.stderr
    service = Service(FAKE, settings)
    assert service.ends_with() == 2
    assert said in "".join(service.lines)
    assert "Traceback" not in "".join(service.lines)
    assert (tmp_path / "notes.txt").read_text("utf-8").startswith("Call the plumber.")


def test_a_server_that_refuses_says_of_what(durable: Postgres, tmp_path: Path) -> None:
    """A database that is not there, and a user who may make no tables."""

    async def prepare() -> str:
        return await durable.new_database("foreign")

    url = asyncio.run(prepare())
    durable.query("CREATE ROLE guest LOGIN")
    spool = {"TAGSMITH_SPOOL": f"{tmp_path}/spool"}
    missing = _tagsmith({"TAGSMITH_DATABASE": f"{url}s", **spool}, "store", "check")
    assert (missing.exit_code, "is not on that server" in missing.stderr) == (2, True), missing.stderr
    guest = {"TAGSMITH_DATABASE": url.replace("//tagsmith@", "//guest@"), **spool}
    denied = _tagsmith(guest, "store", "upgrade")
    assert (denied.exit_code, "make the user the owner of the database" in denied.stderr) == (2, True), denied.stderr


def test_a_command_says_one_sentence_of_a_database_that_is_away() -> None:
    """What a service would log of it is nothing for a person at a terminal."""
    away = {**os.environ, "TAGSMITH_DATABASE": "postgresql://user:secretpassword@127.0.0.1:1/tagsmith"}
    command = [sys.executable, "-m", "tagsmith", "keys", "list"]
    done = subprocess.run(command, cwd=ROOT, env=away, capture_output=True, text=True, check=False)
    (sentence,) = [line for line in done.stderr.splitlines() if "no setting" not in line]
    assert (done.returncode, done.stdout) == (2, "")
    assert "because nothing listens there" in sentence
    assert "secretpassword" not in sentence


def test_a_command_warns_of_a_misspelt_setting(folder: dict[str, str]) -> None:
    """A key that is made in another database than the service's opens nothing."""
    done = _tagsmith({**folder, "TAGSMITH_DATABSE": "sqlite:///elsewhere.db"}, "keys", "list")
    assert done.exit_code == 0
    assert "TAGSMITH_DATABSE; did you mean TAGSMITH_DATABASE?" in done.stderr
    assert "elsewhere" not in done.stderr


def test_the_schema_goes_back_and_forward_by_command(folder: dict[str, str]) -> None:
    """And check tells where it is."""
    assert HEAD in _tagsmith(folder, "store", "upgrade").stdout
    assert _tagsmith(folder, "store", "check").exit_code == 0
    assert "0001" in _tagsmith(folder, "store", "downgrade", "--to", "0001").stdout
    assert _tagsmith(folder, "store", "check").exit_code == 2
    assert _tagsmith(folder, "store", "downgrade", "--to", "nosuch").exit_code == 2
    assert _tagsmith(folder, "store", "upgrade").exit_code == 0
    assert _tagsmith(folder, "store", "check").exit_code == 0
