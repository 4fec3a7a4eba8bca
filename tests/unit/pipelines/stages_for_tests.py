"""Stages small enough to watch: each notes that it ran, and one can be stopped in the middle."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.workshop.stage import StageContext

VERSION = 1
N_STEPS = 5


@dataclass(frozen=True, slots=True)
class Numbers:
    """A section of a configuration.

    Attributes:
        factor: any number.
    """

    factor: int = 1


def run(context: StageContext[Any]) -> None:
    """Add up the inputs step by step, with a checkpoint after each, and stop in the middle when told to."""
    checkpoint = context.work / "steps.txt"
    done = len(checkpoint.read_text().splitlines()) if checkpoint.is_file() else 0
    (context.out / "half.txt").write_text("half")
    for step in range(done, N_STEPS):
        with checkpoint.open("a") as steps:
            steps.write(f"{step} {os.getpid()}\n")
        # A file beside the data tells how to fail, so that failing or not does not change the fingerprint.
        wish = context.inputs["data"] / "fail"
        if step == 2 and wish.is_file():
            _fail(wish.read_text(), context.out)
    total = sum(int(path.read_text()) for path in _numbers(context))
    (context.out / "total.txt").write_text(str(total * context.config.factor))
    (context.out / "steps.txt").write_text(checkpoint.read_text())


def _numbers(context: StageContext[Any]) -> list[Path]:
    return [
        place / "total.txt" if place.is_dir() else place for name, place in context.inputs.items() if name != "data"
    ]


def _fail(how: str, out: Path) -> None:
    if how == "kill":
        os.kill(os.getpid(), 9)
    if how == "interrupt":
        raise KeyboardInterrupt
    if how == "crash":
        raise ZeroDivisionError("a bug")
    if how == "big":
        (out / "big.bin").write_bytes(bytes(50_000_000))
    if how == "big-numpy":
        import numpy as np

        np.save(out / "big.npy", np.zeros(50_000_000, np.uint8))
