"""A PostgreSQL of Debian's in a folder of its own: a real server that tests may stop, kill and start again."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import asyncpg

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
USER = "tagsmith"
UNPRIVILEGED = ("postgres", "nobody")
STARTS_WITHIN_S = 30.0


class CannotStart(Exception):
    """There is no PostgreSQL here, or it does not start; the text says why."""


class Postgres:
    """One cluster on a free port of loopback. Without ``durable`` it does not wait for the disk, as tests like it."""

    def __init__(self, *, durable: bool = False) -> None:
        """Make the cluster and start it.

        Raises:
            CannotStart: it could not be.
        """
        if not PROGRAMS:
            raise CannotStart("no PostgreSQL is installed (Debian: apt-get install postgresql)")
        self._programs = PROGRAMS[0]
        # It refuses to run as root.
        self._as = () if os.geteuid() else _as_somebody()
        self.folder = Path(tempfile.mkdtemp(prefix="tagsmith-postgres-"))
        if not os.geteuid():
            owner = pwd.getpwnam(_somebody())
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
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
        self._run("pg_ctl", "start", "-w", "-D", str(self.folder / "data"), "-o", flags, "-l", f"{self.folder}/log")

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
            [*self._as, str(self._programs / program), *arguments],
            cwd=self.folder,
            env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if check and done.returncode:
            raise CannotStart(f"{program} failed: {done.stderr.strip()[-500:]}")


def _somebody() -> str:
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in UNPRIVILEGED if name in names)


def _as_somebody() -> tuple[str, ...]:
    if shutil.which("setpriv") is None:
        raise CannotStart("PostgreSQL does not run as root, and there is no setpriv to run it as somebody else")
    owner = pwd.getpwnam(_somebody())
    return ("setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _answers(port: int) -> bool:
    with socket.socket() as caller:
        caller.settimeout(0.2)
        return caller.connect_ex(("127.0.0.1", port)) == 0
