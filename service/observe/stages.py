"""Where the time of one request went: the stages of ``Server-Timing``."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

STAGES = ("read", "queue", "decode", "classify", "rank")


class Stages:
    """Milliseconds by stage. ``queue`` is all waiting for a thread or a model."""

    def __init__(self) -> None:
        self.ms: dict[str, float] = {}

    def add(self, stage: str, seconds: float) -> None:
        """Count ``seconds`` to ``stage``."""
        self.ms[stage] = self.ms.get(stage, 0.0) + max(0.0, seconds) * 1000.0

    @contextmanager
    def measured(self, stage: str) -> Iterator[None]:
        """Count the time of the block to ``stage``, also when it fails."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.add(stage, time.perf_counter() - started)

    def header(self) -> str:
        """Return the value of ``Server-Timing``: every stage in order, 0 for one that did not happen."""
        return ", ".join(f"{stage};dur={self.ms.get(stage, 0.0):.2f}" for stage in STAGES)
