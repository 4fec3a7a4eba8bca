"""A PostgreSQL of Debian's in a folder of its own: a real server that tests may stop, kill and start again."""

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
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
USER = "tagsmith"
UNPRIVILEGED = ("postgres", "nobody")
STARTS_WITHIN_S = 240
"""On a machine that is busy with other tests."""


class CannotStart(Exception):
    """PostgreSQL is not installed here or does not start; the text says why."""


@contextlib.contextmanager
def running_postgres(*, durable: bool = False) -> Iterator[Postgres]:
    """Yield a server that runs, and remove it afterwards; skip the test, loudly, where none can."""
    try:
        server = Postgres(durable=durable)
    except CannotStart as error:
        pytest.skip(f"SKIPPED, NOT RUN: {error}")
    try:
        yield server
    finally:
        server.remove()


class Postgres:
    """One cluster on a free port of loopback. Without ``durable`` it does not wait for the disk, as tests like it."""

    def __init__(self, *, durable: bool = False) -> None:
        """Make the cluster and start it.

        Raises:
            CannotStart: it could not be.
        """
        if not PROGRAMS:
            raise CannotStart("no PostgreSQL is installed (Debian: apt-get install postgresql)")
        # It refuses to run as root.
        self._account = None if os.geteuid() else _somebody()
        # Not below pytest's folders, which only the account that runs the tests may enter.
        self.folder = Path(tempfile.mkdtemp(prefix="tagsmith-postgres-"))
        if self._account is not None:
            os.chown(self.folder, self._account.pw_uid, self._account.pw_gid)
        self._flags = "-c shared_buffers=32MB -c max_connections=60" + ("" if durable else " -F")
        self.port = _free_port()
        try:
            self._run("initdb", "-D", str(self.folder / "data"), "-U", USER, "-A", "trust", "-E", "UTF8", "--no-sync")
            self.start()
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    def url(self, database: str = "postgres") -> str:
        """Return the address of one of its databases."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"

    @staticmethod
    def program(name: str) -> str:
        """Return the path of a program that comes with PostgreSQL."""
        return str(PROGRAMS[-1] / name)

    def query(self, statement: str) -> list[str]:
        """Return the rows of a statement, unaligned."""
        command = [self.program("psql"), "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-c", statement, self.url()]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()

    def start(self) -> None:
        """Start the server and wait until it answers."""
        deadline = time.monotonic() + STARTS_WITHIN_S
        while True:
            try:
                self._start()
                return
            except CannotStart:
                # What is left of one that was killed goes by itself, but not at once.
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def _start(self) -> None:
        flags = f"{self._flags} -p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder}"
        data = ("-D", str(self.folder / "data"))
        self._run("pg_ctl", "start", "-w", "-t", str(STARTS_WITHIN_S), *data, "-o", flags, "-l", f"{self.folder}/log")

    def stop(self) -> None:
        """Stop it as an operator would; open connections are cut."""
        self._run("pg_ctl", "stop", "-w", "-m", "fast", "-D", str(self.folder / "data"))

    def kill(self) -> None:
        """Kill every process of it at once, as a crash would."""
        self._run("pg_ctl", "kill", "KILL", str(self._pid()), check=False)
        # Its children notice that it is gone by themselves.
        deadline = time.monotonic() + STARTS_WITHIN_S
        while time.monotonic() < deadline and _answers(self.port):
            time.sleep(0.02)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop every process for a while, as on a machine that hangs: connections stay open and silent."""
        self._signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        pid = self._pid()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        # The one that watches the others first: it would take a child that stops for one that is to be seen to.
        for process in (pid, *map(int, children)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)

    async def new_database(self, name: str, template: str = "template1") -> str:
        """Return the address of a new database, a copy of ``template``."""
        connection = await asyncpg.connect(self.url())
        try:
            await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        finally:
            await connection.close()
        return self.url(name)

    async def drop_database(self, name: str) -> None:
        """Drop a database, whoever is connected to it."""
        connection = await asyncpg.connect(self.url())
        try:
            await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        finally:
            await connection.close()

    def remove(self) -> None:
        """Stop it for good."""
        self._run("pg_ctl", "stop", "-w", "-m", "immediate", "-D", str(self.folder / "data"), check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _pid(self) -> int:
        return int((self.folder / "data" / "postmaster.pid").read_text(encoding="ascii").splitlines()[0])

    def _run(self, program: str, *arguments: str, check: bool = True) -> None:
        done = subprocess.run(
            [self.program(program), *arguments],
            cwd=self.folder,
            user=self._account.pw_uid if self._account else None,
            group=self._account.pw_gid if self._account else None,
            extra_groups=[] if self._account else None,
            env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if check and done.returncode:
            raise CannotStart(f"{program} failed: {done.stderr.strip()[-500:]}")


def _somebody() -> pwd.struct_passwd:
    known = {account.pw_name: account for account in pwd.getpwall()}
    return next(known[name] for name in UNPRIVILEGED if name in known)


def _free_port() -> int:
    """Return a port outside of those for outgoing connections, which could take it while the server is down."""
    for port in range(20_000 + os.getpid() % 5_000, 32_000):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise CannotStart("no port is free")


def _answers(port: int) -> bool:
    with socket.socket() as caller:
        caller.settimeout(0.2)
        return caller.connect_ex(("127.0.0.1", port)) == 0
