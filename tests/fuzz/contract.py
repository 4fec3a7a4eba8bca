"""The live contract under schemathesis, all checks: ``python -m tests.fuzz.contract --bundle bundles/starter``.

A service is started in a process of its own, of a bundle and with a key, or else over fakes and without; requests are
made from its OpenAPI: examples, boundary values, random ones, and chains of calls along its links. Any failure ends
with a command that repeats it. Nothing that was sent may stand in the log.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.support.log_watch import SECRET_HEADERS, WATCH
from tests.support.new_key import new_key
from tests.support.service_process import Service

CONFIG = Path(__file__).with_name("schemathesis.toml")
COUNT = re.compile(r"([\d,]+) generated")
TELLING_HEADERS = (*SECRET_HEADERS, "content-type")
CALLS, CHAINS = "examples,coverage,fuzzing", "stateful"
N_ROUNDS = 12
"""Rounds of chains: schemathesis ends one as soon as the state that earlier steps left makes a repeated step differ."""


@dataclass(frozen=True, slots=True)
class Target:
    """A service under attack, the key that it wants, and the request ids that it was sent, as a log spells them."""

    url: str
    key: str | None
    request_ids: set[str] = field(default_factory=set)


@contextmanager
def target(bundle: Path | None = None) -> Iterator[Target]:
    """Yield a service of a bundle, with keys; or over fakes, without."""
    with tempfile.TemporaryDirectory() as folder:
        settings = {"TAGSMITH_DATABASE": f"sqlite:///{folder}/store.db", "TAGSMITH_SPOOL": f"{folder}/spool"}
        if bundle:
            key = new_key(settings)
            service = Service("tagsmith", settings, "serve", "--bundle", str(bundle.resolve()))
        else:
            key = None
            service = Service("tests.support.fake_service", settings)
        try:
            service.client().close()
            yield Target(service.wait_for("listening")["url"], key)
        finally:
            service.process.terminate()
            service.ends_with()


def attack(target: Target, phases: str, n_examples: int, seed: int) -> tuple[int, int]:
    """Return how many requests were made, and schemathesis' exit code; its report goes to standard output."""
    command = [str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(CONFIG)]
    command += ["run", f"{target.url}/openapi.json", "--max-examples", str(n_examples), "--seed", str(seed)]
    command += ["--phases", phases, "--continue-on-failure", "--no-color", "--warnings", "off"]
    command += ["--header", f"Authorization: Bearer {target.key}"] if target.key else []
    command += ["--report", "har", "--report-har-path", "sent.har", "--output-sanitize", "false"]
    with tempfile.TemporaryDirectory() as folder:
        told = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        target.request_ids.update(_note_what_was_sent(Path(folder) / "sent.har"))
    print(told.stdout, flush=True)
    count = COUNT.search(told.stdout)
    return int(count[1].replace(",", "")) if count else 0, told.returncode


def _note_what_was_sent(archive: Path) -> Iterator[str]:
    """Have the watch over logs look for what a run sent; yield the request ids, which are logged."""
    if not archive.exists():
        return
    for entry in json.loads(archive.read_text(encoding="utf-8"))["log"]["entries"]:
        sent = entry["request"]
        yield from (json.dumps(one["value"]) for one in sent["headers"] if one["name"].lower() == "x-request-id")
        headers = [(one["name"], one["value"]) for one in sent["headers"] if one["name"].lower() in TELLING_HEADERS]
        body = sent.get("postData", {}).get("text", "")
        with suppress(ValueError, httpx.InvalidURL):
            WATCH.note(httpx.Request(sent["method"], sent["url"], headers=headers, content=body.encode()))


def main() -> int:
    """Run from the command line; return 0 when every check held, there were enough requests, and none was logged."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, help="what the service serves; default: fakes, without keys")
    parser.add_argument("--examples", type=int, default=220, help="random requests for each call")
    parser.add_argument("--least", type=int, default=5000, help="requests that there must be at least")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    chosen = parser.parse_args()
    with target(chosen.bundle) as service:
        rounds = [attack(service, CALLS, chosen.examples, chosen.seed)]
        rounds += [attack(service, CHAINS, 1000, chosen.seed + turn) for turn in range(N_ROUNDS)]
    n_requests, n_chained = sum(n for n, _ in rounds), sum(n for n, _ in rounds[1:])
    print(f"{n_requests} requests, {n_chained} of them in chains; at least {chosen.least} wanted")
    # One string may be sent in several places, and one of them may be logged.
    leaked = [one for one in WATCH.leaks() if not any(one in request_id for request_id in service.request_ids)]
    print(f"logged, and must not be: {leaked}" if leaked else "nothing that was sent was logged")
    return max(code for _, code in rounds) or int(n_requests < chosen.least or bool(leaked))


if __name__ == "__main__":
    sys.exit(main())
