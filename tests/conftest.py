"""Fixtures for every test, and what no test may do: use the network, or let what it sends reach a log."""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

from tests.support import log_watch

if TYPE_CHECKING:
    from tests.support.tiny_world import TinyWorld

ROOT = Path(__file__).resolve().parent.parent
LOGGED = "logged, and must not be:"

# No deadline: a test never judges a time. On CI the examples are the same on each run.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=settings.get_profile("default"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")


def _refuse_the_network(event: str, args: tuple[Any, ...]) -> None:
    """Raise OSError when this process looks up or calls anything but itself: tests use no network."""
    if event == "socket.getaddrinfo":
        host = args[0]
    elif event == "socket.connect" and isinstance(args[1], tuple):
        host = args[1][0]
    else:
        return
    if host in (None, "", "localhost"):
        return
    name = host.decode() if isinstance(host, bytes) else str(host)
    try:
        local = ipaddress.ip_address(name).is_loopback or ipaddress.ip_address(name).is_unspecified
    except ValueError:
        local = False
    if not local:
        raise socket.gaierror(socket.EAI_FAIL, f"tests use no network, and this one asked for {name}")


sys.addaudithook(_refuse_the_network)


def pytest_configure() -> None:
    """Watch the service's log from the first test on."""
    log_watch.begin()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run where a service that outlived its test logged what was sent, after the last test looked."""
    leaked = log_watch.WATCH.leaks()
    if leaked:
        print(f"\n{LOGGED} {leaked}", file=sys.stderr)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(autouse=True)
def _nothing_sent_is_logged() -> Iterator[None]:
    """Fail a test when a caption, a hashtag, a file name or a secret that was sent stands in a log line."""
    yield
    leaked = log_watch.WATCH.leaks()
    assert not leaked, f"{LOGGED} {leaked}"


def _folder_from(variable: str, what: str) -> Path:
    """Return the folder that an environment variable names; skip the test where it names none."""
    value = os.environ.get(variable)
    if not value:
        pytest.skip(f"{variable} does not name {what}")
    folder = Path(value)
    if not folder.is_dir():
        pytest.fail(f"{variable}={value} is not a folder")
    return folder


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the current schema and nothing in it."""
    from service.settings import Settings
    from service.store.repositories import prepare_store

    path = tmp_path_factory.mktemp("database") / "empty.db"
    prepare_store(Settings(database=f"sqlite:///{path}"))
    return path


@pytest.fixture(autouse=True)
def _no_database_of_mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the database and the spool of a test's service into a folder that goes with the test."""
    monkeypatch.setenv("TAGSMITH_DATABASE", f"sqlite:///{tmp_path}/store/tagsmith.db")
    monkeypatch.setenv("TAGSMITH_SPOOL", f"{tmp_path}/store/spool")


@pytest.fixture(scope="session")
def tiny_world(tmp_path_factory: pytest.TempPathFactory) -> TinyWorld:
    """A whole bundle over a few hundred made-up posts, at work; shared, so never written to."""
    from tests.support.tiny_world import build_tiny_world

    return build_tiny_world(tmp_path_factory.mktemp("tiny") / "world")


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the working tree."""
    return ROOT


@pytest.fixture(scope="session")
def conformance_dir() -> Path:
    """twitter-text's conformance cases (``TAGSMITH_TEST_CONFORMANCE``)."""
    return _folder_from("TAGSMITH_TEST_CONFORMANCE", "a folder of twitter-text's conformance files")


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """A training data folder laid out as docs/data.md says (``TAGSMITH_TEST_DATA``)."""
    return _folder_from("TAGSMITH_TEST_DATA", "a training data folder")


@pytest.fixture(scope="session")
def weights_dir() -> Path:
    """A folder of pretrained weights as docs/data.md says (``TAGSMITH_TEST_WEIGHTS``)."""
    return _folder_from("TAGSMITH_TEST_WEIGHTS", "a folder of pretrained weights")


@pytest.fixture(scope="session")
def photographs() -> Path:
    """Free photographs that are part of the repository."""
    return ROOT / "examples" / "photos"
