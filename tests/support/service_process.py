"""A service in a process of its own, and what it logs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import httpx

from tests.support.log_watch import WATCH

ROOT = Path(__file__).resolve().parent.parent.parent


class Service:
    """One process and what it logged."""

    def __init__(self, module: str, settings: dict[str, str], *arguments: str) -> None:
        """Start ``python -m module`` on a free port; of the settings of this process it sees none."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("TAGSMITH_")}
        self.folder = tempfile.TemporaryDirectory(prefix="tagsmith-service-")
        elsewhere = {
            "TAGSMITH_DATABASE": f"sqlite:///{self.folder.name}/tagsmith.db",
            "TAGSMITH_SPOOL": f"{self.folder.name}/spool",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env={**clean, "TAGSMITH_PORT": "0", **elsewhere, **settings},
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: list[str] = []
        self._grown = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._grown:
                self.lines.append(line)
                WATCH.logged(line)
                self._grown.notify_all()
        with self._grown:
            self._grown.notify_all()

    def wait_for(self, event: str) -> dict[str, str]:
        """Return the first log line about ``event``."""

        def found() -> list[str]:
            return [line for line in self.lines if f'"event": "{event}"' in line]

        with self._grown:
            self._grown.wait_for(lambda: found() or self.process.poll() is not None, timeout=300)
            assert found(), "".join(self.lines)
            line: dict[str, str] = json.loads(found()[0])
            return line

    def told(self, event: str) -> list[dict[str, str]]:
        """Return every log line about ``event`` so far."""
        with self._grown:
            return [json.loads(line) for line in self.lines if f'"event": "{event}"' in line]

    def client(self) -> httpx.Client:
        """Return a client of the service once it is ready."""
        self.wait_for("ready")
        return httpx.Client(base_url=self.wait_for("listening")["url"], timeout=90)

    def ends_with(self) -> int:
        """Return the exit code."""
        code = self.process.wait(90)
        self._reader.join(10)
        return code
