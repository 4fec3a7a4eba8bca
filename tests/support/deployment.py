"""A compose project of this repository on this machine, started and stopped by tests."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.house.rooms import ROOT

PROJECT = "tagsmith-check"
PICTURE = ROOT / "examples" / "photos" / "pier_sunset.jpg"


def free_port() -> int:
    """Return a port of loopback that is free."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def until(true: Callable[[], bool], within_s: float = 400.0) -> float:
    """Wait for something; return the seconds that it took."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() < began + within_s
        time.sleep(0.2)
    return time.monotonic() - began


def run(*command: str, **settings: Any) -> str:
    """Run a command and return what it prints."""
    usual = {"cwd": ROOT, "stderr": subprocess.PIPE}
    told = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, **{**usual, **settings})
    assert told.returncode == 0, f"{' '.join(command)}\n{told.stdout}\n{told.stderr}"
    output: str = told.stdout
    return output.strip()


class Deployment:
    """One compose project on this machine.

    Attributes:
        url: where it is published.
        key: sent with each request once there is one.
    """

    def __init__(self, folder: Path) -> None:
        ports = {name: free_port() for name in ("PORT", "PROMETHEUS_PORT", "GRAFANA_PORT")}
        self.url, self.prometheus = (f"http://127.0.0.1:{ports[name]}" for name in ("PORT", "PROMETHEUS_PORT"))
        self.key: str | None = None
        self.metrics_key, password = folder / "metrics_key", folder / "grafana_password"
        for secret in (self.metrics_key, password):
            secret.write_text("to be made\n", "utf-8")
            secret.chmod(0o644)
        self.environment = {
            **os.environ,
            **{name: str(port) for name, port in ports.items()},
            "METRICS_KEY_FILE": str(self.metrics_key),
            "GRAFANA_PASSWORD_FILE": str(password),
            "SCHEDULER_NETWORK": f"{PROJECT}-scheduler",
            "SCHEDULER_FILES": "http://files:9000",
        }

    def compose(self, overrides: tuple[str, ...], *words: str) -> str:
        """Run ``docker compose`` with some overrides and return what it prints."""
        files = [word for name in overrides for word in ("-f", f"deploy/compose.{name}.yml")]
        command = ("docker", "compose", "-p", PROJECT, "-f", "docker-compose.yml", *files, *words)
        return run(*command, env=self.environment)

    def follow(self, page: str, heading: str, folder: Path) -> None:
        """Do in ``folder`` what a page of docs/ tells under a heading, line by line as it stands there."""
        _, _, section = (ROOT / "docs" / page).read_text("utf-8").partition(f"\n## {heading}\n")
        (commands, *_) = re.findall(r"^```text\n(.*?)^```", section.partition("\n## ")[0], re.MULTILINE | re.DOTALL)
        named = {"COMPOSE_PROJECT_NAME": PROJECT, "COMPOSE_FILE": str(ROOT / "docker-compose.yml")}
        run("bash", "-euxc", commands, cwd=folder, env={**self.environment, **named})

    def client(self) -> httpx.Client:
        """Return a client of what is published."""
        headers = {"X-API-Key": self.key} if self.key else {}
        return httpx.Client(base_url=self.url, timeout=60, headers=headers)

    def suggest(self, client: httpx.Client) -> httpx.Response:
        """Ask for hashtags for a photograph."""
        form = {"caption": "Last light at the old pier", "seeds": "sunset"}
        files = {"image": (PICTURE.name, PICTURE.read_bytes())}
        return client.post("/v1/suggestions", data=form, files=files)

    def answers(self) -> bool:
        """Whether a suggestion is answered."""
        try:
            with self.client() as client:
                return self.suggest(client).status_code == 200
        except httpx.TransportError:
            return False

    def containers(self, overrides: tuple[str, ...], service: str) -> list[str]:
        """Return the ids of a service's running containers."""
        return self.compose(overrides, "ps", "--quiet", service).split()

    def crash(self, container: str) -> None:
        """Kill a container's first process from outside, as the kernel does when memory runs out."""
        os.kill(int(run("docker", "inspect", "--format", "{{.State.Pid}}", container)), signal.SIGKILL)


@contextmanager
def nothing_deployed(secrets: Path) -> Iterator[Deployment]:
    """Yield a project of which nothing is there; remove it with its volumes. Skip, loudly, where no engine answers."""
    if shutil.which("docker") is None or subprocess.run(["docker", "info"], capture_output=True).returncode != 0:
        pytest.skip("SKIPPED, NOT RUN: no container engine answers")
    made, everything = Deployment(secrets), ("replicas", "monitoring")
    made.compose(everything, "down", "--volumes", "--remove-orphans")
    try:
        yield made
    finally:
        made.compose(everything, "down", "--volumes", "--remove-orphans", "--timeout", "5")


def healthy(container: str) -> bool:
    """Whether a container's health check passes."""
    return run("docker", "inspect", "--format", "{{.State.Health.Status}}", container) == "healthy"
