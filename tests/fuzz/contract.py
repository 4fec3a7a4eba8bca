"""The live contract under schemathesis, all checks: ``python -m tests.fuzz.contract --bundle bundles/starter``.

A service is started in a process of its own, of a bundle and with a key, or else over fakes and without; requests are
made from its OpenAPI: examples, boundary values, random ones, and chains of calls along its links. Any failure ends
with a command that repeats it.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.service_process import ROOT, Service

CONFIG = Path(__file__).with_name("schemathesis.toml")
COUNT = re.compile(r"([\d,]+) generated")
SCOPES = ("suggest", "read", "feedback", "sets", "metrics")


def run(
    n_examples: int,
    *,
    bundle: Path | None = None,
    seed: int | None = None,
    phases: str = "examples,coverage,fuzzing,stateful",
) -> tuple[int, int]:
    """Return how many requests were made, and schemathesis' exit code; its report goes to standard output."""
    with tempfile.TemporaryDirectory() as folder:
        settings = {"TAGSMITH_DATABASE": f"sqlite:///{folder}/store.db", "TAGSMITH_SPOOL": f"{folder}/spool"}
        key = make_key(settings) if bundle else None
        if bundle:
            service = Service("tagsmith", settings, "serve", "--bundle", str(bundle.resolve()))
        else:
            service = Service("tests.support.fake_service", settings)
        try:
            service.client().close()
            url = service.wait_for("listening")["url"]
            command = [str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(CONFIG)]
            command += ["run", f"{url}/openapi.json", "--max-examples", str(n_examples)]
            command += ["--phases", phases, "--continue-on-failure", "--no-color", "--warnings", "off"]
            command += ["--seed", str(seed)] if seed is not None else []
            command += ["--header", f"Authorization: Bearer {key}"] if key else []
            told = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        finally:
            service.process.terminate()
            service.ends_with()
    print(told.stdout, flush=True)
    count = COUNT.search(told.stdout)
    return int(count[1].replace(",", "")) if count else 0, told.returncode


def make_key(settings: dict[str, str]) -> str:
    """Return a new key that may do everything, as often as it likes."""
    scopes = [word for scope in SCOPES for word in ("--scope", scope)]
    command = [sys.executable, "-m", "tagsmith", "keys", "create", "--name", "fuzz", *scopes]
    command += ["--per-minute", "1000000", "--only-key"]
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, **settings}, check=True, stdout=subprocess.PIPE, text=True
    ).stdout.strip()


def main() -> int:
    """Run from the command line; return 0 when every check held and there were enough requests."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, help="what the service serves; default: fakes, without keys")
    parser.add_argument("--examples", type=int, default=220, help="random requests for each call")
    parser.add_argument("--least", type=int, default=5000, help="requests that there must be at least")
    parser.add_argument("--seed", type=int)
    chosen = parser.parse_args()
    n_requests, code = run(chosen.examples, bundle=chosen.bundle, seed=chosen.seed)
    print(f"{n_requests} requests, at least {chosen.least} wanted")
    return code or int(n_requests < chosen.least)


if __name__ == "__main__":
    sys.exit(main())
