"""A PostgreSQL of its own in a folder of its own, that can be killed and started again."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

USER = "tagsmith"


def program(name: str) -> str:
    """Return where a program of PostgreSQL lies; skip the test, loudly, where it is not installed."""
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    found = str(places[-1]) if places else shutil.which(name)
    if found is None:
        pytest.skip("SKIPPED, NOT RUN: PostgreSQL is not installed (Debian: postgresql)")
    return found


class PostgresServer:
    """One cluster on loopback.

    Attributes:
        url: what ``TAGSMITH_DATABASE`` takes.
    """

    def __init__(self) -> None:
        """Make the cluster; it is started by ``start``."""
        # Not below pytest's folders, which only the account that runs the tests may enter.
        self._folder = folder = Path(tempfile.mkdtemp(prefix="tagsmith-postgres-"))
        # The server refuses to be root.
        self._account = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
        self._port = _free_port()
        self.url = f"postgresql://{USER}@127.0.0.1:{self._port}/postgres"
        if self._account is not None:
            os.chown(folder, self._account.pw_uid, self._account.pw_gid)
        self._run(program("initdb"), "--username", USER, "--auth=trust", "--no-sync", str(folder))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        command = [program("postgres"), "-D", str(self._folder), "-p", str(self._port), "-h", "127.0.0.1", "-k", ""]
        (self._folder / "postmaster.pid").unlink(missing_ok=True)
        with open(os.devnull, "wb") as nothing:
            self._process = subprocess.Popen(
                command,
                stdout=nothing,
                stderr=nothing,
                user=self._account.pw_uid if self._account else None,
                group=self._account.pw_gid if self._account else None,
                start_new_session=True,
                cwd="/",
            )
        deadline = time.monotonic() + 240
        ready = [program("pg_isready"), "--quiet", "--host=127.0.0.1", f"--port={self._port}"]
        while subprocess.run(ready, check=False).returncode != 0:
            assert time.monotonic() < deadline, "PostgreSQL does not start"
            time.sleep(0.1)

    def kill(self) -> None:
        """Kill every process of it at once, as a power cut would."""
        if self._process is not None:
            for pid in (self._process.pid, *self._backends()):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def remove(self) -> None:
        """Kill it and remove its folder."""
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def query(self, statement: str) -> list[str]:
        """Return the rows of a statement, unaligned."""
        command = [program("psql"), "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-c", statement]
        place = ["-h", "127.0.0.1", "-p", str(self._port), "-U", USER, "-d", "postgres"]
        told = subprocess.run([*command, *place], capture_output=True, text=True, check=True)
        return told.stdout.splitlines()

    def _backends(self) -> list[int]:
        """Return its other processes: each leads a session of its own, and all stand in the folder of the data."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if os.readlink(process / "cwd") == str(self._folder):
                    found.append(int(process.name))
        return found

    def _run(self, *command: str) -> None:
        subprocess.run(
            command,
            check=True,
            capture_output=True,
            cwd="/",
            user=self._account.pw_uid if self._account else None,
            group=self._account.pw_gid if self._account else None,
        )


def _free_port() -> int:
    """Return a port that no outgoing connection is given: one could else take it while the server is away."""
    for port in range(20_000 + os.getpid() % 5_000, 32_000):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError("no port is free")
