"""Which files one real request passes, in the order in which it enters them.

    python -m tests.support.request_trace [--stays]

Serves the starter bundle in this process, warms it up, posts a photograph with caption and seed once more and records
which functions of the project are entered. Each function counts where it is entered first: loops, resumed coroutines
and small calls that are made again are not walked again. A stay is a run of functions of one file; what comes back to a
file that was left is a return.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextvars import ContextVar
from itertools import groupby
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import httpx

from service.app import create_app
from service.context import parts_of
from service.settings import load_settings
from service.store.repositories import prepare_store

ROOT = Path(__file__).resolve().parents[2]
PHOTO = ROOT / "examples" / "photos" / "pier_sunset.jpg"
FIELDS = {"caption": "Last light at the old pier", "seeds": "sunset", "platforms": "instagram"}
ROOMS = ("core", "embeddings", "models", "recommend", "service")
IN_BACKGROUND = ContextVar("in_background", default=False)
"""True in the tasks that the application begins when it starts, and in the threads that they use."""


class Recorder:
    """Notes each function of the project where it is entered first, in every thread.

    Attributes:
        entered: (time, file from the root, qualified name) of each.
        records: whether it notes anything.
    """

    def __init__(self) -> None:
        self.entered: list[tuple[int, str, str]] = []
        self.records = False
        self._seen: set[CodeType] = set()

    def __call__(self, frame: FrameType, event: str, arg: Any) -> None:
        """Take one event of ``sys.setprofile``."""
        code = frame.f_code
        if not self.records or event != "call" or code in self._seen or not code.co_filename.startswith(str(ROOT)):
            return
        if IN_BACKGROUND.get():
            return
        self._seen.add(code)
        file = Path(code.co_filename).relative_to(ROOT).as_posix()
        if file.startswith(ROOMS) and not code.co_name.startswith("<"):
            self.entered.append((time.perf_counter_ns(), file, code.co_qualname))

    def stays(self) -> list[tuple[str, list[str]]]:
        """Return the stays in order: a file, and the functions that were entered while it was not left."""
        stays: list[tuple[str, list[str]]] = []
        for _, file, function in sorted(self.entered):
            if not stays or stays[-1][0] != file:
                stays.append((file, []))
            stays[-1][1].append(function)
        return stays


async def _ask_once(recorder: Recorder, folder: Path) -> None:
    settings = load_settings(
        bundle=ROOT / "bundles" / "starter",
        database=f"sqlite+aiosqlite:///{folder / 'tagsmith.db'}",
        spool=folder / "spool",
        follow_s=3600.0,
    )
    await asyncio.to_thread(prepare_store, settings)
    app = create_app(settings)
    IN_BACKGROUND.set(True)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        IN_BACKGROUND.set(False)
        while (await client.get("/ready")).status_code != 200:
            await asyncio.sleep(0.05)
        for attempt in range(4):
            # What is done once in a while, such as reading the keys again, is not a part of every request's way.
            await parts_of(app).repositories.keys.refresh()
            recorder.records = attempt == 3
            answer = await client.post(
                "/v1/suggestions", files={"image": (PHOTO.name, PHOTO.read_bytes(), "image/jpeg")}, data=FIELDS
            )
            recorder.records = False
            answer.raise_for_status()


def recorded_stays() -> list[tuple[str, list[str]]]:
    """Return the stays of one request through this process, which is profiled from now on."""
    recorder = Recorder()
    threading.setprofile(recorder)
    sys.setprofile(recorder)
    try:
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(_ask_once(recorder, Path(folder)))
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return recorder.stays()


def files_of(stays: Sequence[tuple[str, list[str]]], *rooms: str) -> list[str]:
    """Return the files of some rooms, each where it is entered first."""
    return list(dict.fromkeys(file for file, _ in stays if file.startswith(tuple(f"{room}/" for room in rooms))))


def main() -> None:
    """Print the files in order as JSON, or the stays to read."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stays", action="store_true", help="print each stay with its functions, and the sums")
    stays = recorded_stays()
    if not parser.parse_args().stays:
        print(json.dumps(files_of(stays, *ROOMS)))
        return
    for file, functions in stays:
        print(f"{file}: {', '.join(functions)}")
    for room in ROOMS:
        visits = [file for file, _ in groupby(file for file, _ in stays if file.startswith(f"{room}/"))]
        print(f"{room}: {len(set(visits))} files, {len(visits) - len(set(visits))} returns")


if __name__ == "__main__":
    main()
