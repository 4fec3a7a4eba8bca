"""What a stranger gets: the built wheel, installed away from its source, serving and answering."""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.log_watch import WATCH

pytestmark = pytest.mark.wheel

HEAVY = ("torch", "torchvision", "gensim", "sklearn", "matplotlib", "openvino", "onnx")


@pytest.fixture(scope="module")
def wheel() -> Path:
    """The wheel under test, which ``make wheel`` builds and names."""
    name = os.environ.get("TAGSMITH_TEST_WHEEL")
    if not name:
        pytest.skip("TAGSMITH_TEST_WHEEL names no wheel; run `make wheel`")
    return Path(name)


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder to run in, so that no module and no bundle is found in the working tree."""
    return tmp_path_factory.mktemp("elsewhere")


@pytest.fixture(scope="module")
def programs(wheel: Path, repository: Path, elsewhere: Path) -> Path:
    """The ``bin`` folder of a clean environment with the wheel and nothing else in it."""
    home = elsewhere / "venv"
    venv.create(home, with_pip=True)
    programs = home / ("Scripts" if sys.platform == "win32" else "bin")
    constraints = repository / "constraints.txt"
    install: list[str | Path] = [programs / "python", "-m", "pip", "install", "--quiet", "-c", constraints, wheel]
    subprocess.run(install, cwd=elsewhere, check=True)
    return programs


def environment() -> dict[str, str]:
    """Return this process's variables without those that point into the source or configure the service."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "TAGSMITH_"))}


@pytest.fixture(scope="module")
def address(programs: Path, elsewhere: Path) -> Iterator[str]:
    """The address of a service that runs from the wheel with the bundle that came in it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = elsewhere / "serve.log"
    command: list[str | Path] = [programs / "tagsmith", "serve", "--host", "127.0.0.1", "--port", str(port)]
    with log.open("wb") as output:
        service = subprocess.Popen(command, cwd=elsewhere, env=environment(), stdout=output, stderr=subprocess.STDOUT)
    try:
        for _ in range(600):
            if service.poll() is not None:
                pytest.fail(f"tagsmith serve ended with {service.returncode}:\n{log.read_text()}")
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=5).close()
                break
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.1)
        else:
            pytest.fail(f"not ready after a minute:\n{log.read_text()}")
        yield f"http://127.0.0.1:{port}"
    finally:
        service.terminate()
        service.wait(timeout=30)
        for line in log.read_text(encoding="utf-8").splitlines():
            WATCH.logged(line)


def test_the_wheel_holds_every_file_of_the_rooms(wheel: Path, repository: Path) -> None:
    """No module, rule file or page is left behind, and nothing untracked is shipped."""
    rooms = ("core", "embeddings", "models", "pipelines", "recommend", "scraper", "service", "tagsmith")
    listing = subprocess.run(["git", "ls-files", *rooms], cwd=repository, capture_output=True, text=True, check=True)
    starter = subprocess.run(
        ["git", "ls-files", "bundles/starter"], cwd=repository, capture_output=True, text=True, check=True
    )
    wanted = set(listing.stdout.split()) | {
        name.replace("bundles/starter", "tagsmith/starter") for name in starter.stdout.split()
    }
    shipped = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert shipped == wanted


def test_the_wheel_needs_no_heavy_package(programs: Path, elsewhere: Path) -> None:
    """The default install serves without a training framework."""
    program = f"import importlib.util as u; print([n for n in {HEAVY!r} if u.find_spec(n)])"
    done = subprocess.run(
        [programs / "python", "-c", program],
        cwd=elsewhere,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def test_the_readmes_request_is_answered(address: str, repository: Path) -> None:
    """The curl of the README, word for word but for the address, gives hashtags with reasons."""
    readme = (repository / "README.md").read_text(encoding="utf-8").replace("\\\n", " ")
    (line,) = [line for line in readme.splitlines() if line.startswith("curl ") and "/v1/suggestions" in line]
    WATCH.runs(line)
    command = shlex.split(re.sub(r"http://(127\.0\.0\.1|localhost):8000", address, line.split(" | ")[0]))
    done = subprocess.run([*command, "--silent", "--show-error"], cwd=repository, capture_output=True, check=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    assert len(answer["suggestions"]) >= 5, answer
    for suggestion in answer["suggestions"]:
        assert suggestion["because"]
        assert abs(sum(suggestion["parts"].values()) - suggestion["score"]) < 1e-4


def test_the_command_line_answers_from_the_wheel(programs: Path, elsewhere: Path, photographs: Path) -> None:
    """``tagsmith suggest`` finds the bundle that came in the wheel."""
    command: list[str | Path] = [
        programs / "tagsmith",
        "suggest",
        photographs / "cat.jpg",
        "--caption",
        "my cat",
        "--json",
    ]
    done = subprocess.run(command, cwd=elsewhere, env=environment(), capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["suggestions"]


def test_a_wrong_path_is_told_in_one_sentence(programs: Path, elsewhere: Path) -> None:
    """No traceback, and exit code 2."""
    command: list[str | Path] = [programs / "tagsmith", "suggest", "no-such-photograph.jpg"]
    done = subprocess.run(command, cwd=elsewhere, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no-such-photograph.jpg" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_environment_is_consistent(programs: Path, elsewhere: Path) -> None:
    """No dependency of the wheel contradicts another."""
    subprocess.run([programs / "python", "-m", "pip", "check"], cwd=elsewhere, env=environment(), check=True)
