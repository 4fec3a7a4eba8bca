"""Mutated pictures against the service: ``python -m tests.fuzz.pictures --cases 20000``; the seed is printed.

The pictures go in over HTTP and are decoded and prepared as when serving; only the network behind that is a stand-in.
They are sent in a process of its own, so that a crash ends that process alone, and what it leaves behind can be seen.
Processor time and memory are counted case by case. A file that did harm, or cost too much, is kept.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import random
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path

import httpx
import numpy as np
from numpy.typing import NDArray

from core.images import SurveyedPicture
from models.classifier.preprocess import Preprocessing, prepare_bytes, survey_for
from service.app import create_app
from service.settings import Settings
from service.store.repositories import prepare_store
from tests.fuzz.mutations import mutant
from tests.support import log_watch
from tests.support.decoding_cost import MAX_CPU_S, MAX_MB, PeakMemory, cpu_s
from tests.support.fakes import FakeClassifier
from tests.support.serving import fake_loaded

ROOT = Path(__file__).resolve().parent.parent.parent
SPEC = Preprocessing(64, 56, "bicubic", (127.5, 127.5, 127.5), (127.5, 127.5, 127.5))
SIDE_BY_SIDE = 4
"""Cases that are sent together; what they cost is counted together, and held to the bounds of one."""
ALLOWED = {200, 413, 422}


class Eyes(FakeClassifier):
    """Surveys, decodes and prepares in earnest, and then guesses."""

    def survey(self, data: bytes) -> SurveyedPicture:
        """Return what a file holds."""
        return survey_for(data, SPEC)

    def prepare(self, picture: bytes | SurveyedPicture) -> NDArray[np.float32]:
        """Return the prepared pixels."""
        return prepare_bytes(picture, SPEC)


async def send(client: httpx.AsyncClient, data: bytes, as_json: bool) -> httpx.Response:
    """Send one picture, as a form or as JSON."""
    if as_json:
        return await client.post("/v1/suggestions", json={"image": {"base64": base64.b64encode(data).decode()}})
    return await client.post("/v1/suggestions", files={"image": ("a", data)})


async def attack(seed: int, first: int, n_cases: int, at: Path, store: Path) -> dict[str, object]:
    """Send cases ``first`` to ``first + n_cases``; note in ``at`` which are under way; return what came of it."""
    settings = Settings(database=f"sqlite:///{store / 'store.db'}", spool=store / "spool", deadline_s=120.0)
    await asyncio.to_thread(prepare_store, settings)
    app = create_app(settings, load=lambda _: fake_loaded(classifier=Eyes()))
    answered: Counter[str] = Counter()
    harmful: list[int] = []
    dear: list[int] = []
    most_cpu_s = most_mb = 0.0
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://t") as client:
        while (await client.get("/ready")).status_code != 200:
            await asyncio.sleep(0.01)
        for start in range(first, first + n_cases, SIDE_BY_SIDE):
            numbers = range(start, min(start + SIDE_BY_SIDE, first + n_cases))
            at.write_text(str(start), encoding="ascii")
            files = [mutant(seed, number)[1] for number in numbers]
            spent = cpu_s()
            with PeakMemory() as peak:
                answers = await asyncio.gather(
                    *(send(client, data, number % 4 == 0) for number, data in zip(numbers, files, strict=True))
                )
            spent = cpu_s() - spent
            most_cpu_s, most_mb = max(most_cpu_s, spent), max(most_mb, peak.mb)
            if spent > MAX_CPU_S or peak.mb > MAX_MB:
                dear += numbers
            for number, response in zip(numbers, answers, strict=True):
                body = response.json()
                answered[str(body.get("code", 200))] += 1
                if response.status_code not in ALLOWED:
                    harmful.append(number)
        at.write_text("done", encoding="ascii")
    return {
        "answered": dict(answered),
        "harmful": harmful,
        "dear": dear,
        "cpu_s": round(most_cpu_s, 2),
        "peak_mb": round(most_mb),
        "leaked": log_watch.WATCH.leaks(),
    }


def run(seed: int, n_cases: int, keep: Path, *, first: int = 0) -> dict[str, object]:
    """Attack from a child process; return what came of it, with every file that did harm kept in ``keep``.

    A child that dies is started again behind the cases that it died of.
    """
    total: Counter[str] = Counter()
    harmful: list[int] = []
    dear: list[int] = []
    crashes: list[int] = []
    left: list[str] = []
    leaked: list[str] = []
    peak, spent = 0, 0.0
    until = first + n_cases
    while first < until:
        with tempfile.TemporaryDirectory() as folder:
            places = {name: Path(folder) / name for name in ("store", "temporary", "working")}
            for place in places.values():
                place.mkdir()
            at = Path(folder) / "at"
            command = [sys.executable, "-m", "tests.fuzz.pictures", "--child", str(at), str(places["store"])]
            child = subprocess.run(
                [*command, "--seed", str(seed), "--first", str(first), "--cases", str(until - first)],
                cwd=places["working"],
                env={**os.environ, "TMPDIR": str(places["temporary"]), "PYTHONPATH": str(ROOT)},
                stdout=subprocess.PIPE,
                text=True,
            )
            for name in ("temporary", "working"):
                left += [f"{name}/{path.name}" for path in places[name].rglob("*")]
            if child.returncode == 0:
                told = json.loads(child.stdout.splitlines()[-1])
                total += Counter(told["answered"])
                harmful += told["harmful"]
                dear += told["dear"]
                spent = max(spent, told["cpu_s"])
                leaked += told["leaked"]
                peak = max(peak, told["peak_mb"])
                first = until
            else:
                reached = int(at.read_text(encoding="ascii")) if at.exists() else first
                crashes += range(reached, min(reached + SIDE_BY_SIDE, until))
                first = reached + SIDE_BY_SIDE
    for number in {*harmful, *dear, *crashes}:
        keep.mkdir(parents=True, exist_ok=True)
        (keep / f"{seed}-{number}.bin").write_bytes(mutant(seed, number)[1])
    return {
        "seed": seed,
        "cases": n_cases,
        "answered": dict(total.most_common()),
        "harmful": harmful,
        "dear": dear,
        "crashes": crashes,
        "left_behind": left,
        "leaked": leaked,
        "cpu_s": spent,
        "peak_mb": peak,
    }


def main() -> int:
    """Run from the command line; return 0 when nothing did harm."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path("var/fuzz/pictures"))
    parser.add_argument("--child", nargs=2, type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        warnings.simplefilter("ignore")
        log_watch.begin()
        print(json.dumps(asyncio.run(attack(chosen.seed, chosen.first, chosen.cases, *chosen.child))))
        return 0
    print(f"seed {chosen.seed}", flush=True)
    found = run(chosen.seed, chosen.cases, chosen.keep, first=chosen.first)
    print(json.dumps(found, indent=1))
    return int(any(found[kind] for kind in ("harmful", "dear", "crashes", "left_behind", "leaked")))


if __name__ == "__main__":
    sys.exit(main())
