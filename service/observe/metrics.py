"""Where the time of a request went, and what Prometheus reads; no label has values that a caller can invent.

With several workers each writes into files of one folder, and any of them answers for all: a scrape reaches one worker
by chance, and counters must not jump between processes. Gauges are then the sum over the living workers.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    GC_COLLECTOR,
    PLATFORM_COLLECTOR,
    PROCESS_COLLECTOR,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

CONTENT_TYPE = CONTENT_TYPE_LATEST
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
SECONDS = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)

STAGES = ("read", "queue", "decode", "classify", "rank")
"""Of one request, in the order of ``Server-Timing``; ``queue`` is all waiting for a thread or a model."""


class StageTimes:
    """Where the time of one request went: milliseconds by stage."""

    def __init__(self) -> None:
        self.ms: dict[str, float] = {}

    def add(self, stage: str, seconds: float) -> None:
        """Add ``seconds`` to ``stage``."""
        self.ms[stage] = self.ms.get(stage, 0.0) + max(0.0, seconds) * 1000.0

    @contextmanager
    def measured(self, stage: str) -> Iterator[None]:
        """Add the time of the block to ``stage``, even when the block raises."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.add(stage, time.perf_counter() - started)

    def header(self) -> str:
        """Return the value of ``Server-Timing``: every stage in order, 0 for a stage that did not happen."""
        return ", ".join(f"{stage};dur={self.ms.get(stage, 0.0):.2f}" for stage in STAGES)


class Metrics:
    """The metrics of one application, in a registry of its own, so that two in one process do not share counts.

    Args:
        shared: the folder of all workers' files, of which prometheus_client was told before it was imported.
    """

    def __init__(self, shared: Path | None = None) -> None:
        self._registry = self._shown = CollectorRegistry()
        if shared is None:
            for collector in (PROCESS_COLLECTOR, PLATFORM_COLLECTOR, GC_COLLECTOR):
                self._registry.register(collector)
        else:
            self._shown = CollectorRegistry()
            MultiProcessCollector(self._shown, path=str(shared))  # type: ignore[no-untyped-call]
        self._requests = Counter(
            "tagsmith_requests", "Requests answered", ("route", "method", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "tagsmith_request_seconds",
            "From the first byte of a request to the last of its answer",
            ("route",),
            buckets=SECONDS,
            registry=self._registry,
        )
        self._stage_seconds = Histogram(
            "tagsmith_stage_seconds", "Time in one stage", ("stage",), buckets=SECONDS, registry=self._registry
        )
        self._problems = Counter("tagsmith_problems", "Requests refused or failed", ("code",), registry=self._registry)
        self._batch_items = Histogram(
            "tagsmith_batch_pictures",
            "Pictures in one forward pass",
            buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
            registry=self._registry,
        )
        self._inside = self._gauge("tagsmith_requests_inside", "Requests between gate and answer")
        self._ready = self._gauge("tagsmith_ready", "Workers that are ready to answer")
        self._bundle = self._gauge("tagsmith_bundle", "Workers that serve the bundle", "bundle")
        self._refused = self._gauge(
            "tagsmith_bundle_refused", "Workers that keep a bundle because the current one of the store is unusable"
        )
        self._memory = self._gauge("tagsmith_private_memory_bytes", "Memory that the workers do not share")
        self._store = self._gauge("tagsmith_store_up", "Workers that reach the database")
        self._waiting = self._gauge("tagsmith_spool_bytes", "What waits for the database on the disk")
        self._swaps = Counter(
            "tagsmith_bundle_swaps", "Bundles that became current while serving", ("outcome",), registry=self._registry
        )
        for outcome in ("taken", "refused"):
            self._swaps.labels(outcome)
        self._deaths = Counter(
            "tagsmith_worker_deaths", "Workers that ended by themselves and were replaced", registry=self._registry
        )
        self._served: str | None = None
        for stage in STAGES:
            self._stage_seconds.labels(stage)

    def answered(self, route: str, method: str, status: int, seconds: float, stages: StageTimes) -> None:
        """Count one answer; ``route`` is the template of the path, ``method`` one of ``METHODS`` or "other"."""
        self._requests.labels(route, method, str(status)).inc()
        self._seconds.labels(route).observe(seconds)
        for stage, ms in stages.ms.items():
            self._stage_seconds.labels(stage).observe(ms / 1000.0)

    def refused(self, code: str) -> None:
        """Count one problem by its code."""
        self._problems.labels(code).inc()

    def classified(self, n_pictures: int) -> None:
        """Count one forward pass."""
        self._batch_items.observe(n_pictures)

    def inside(self, change: int) -> None:
        """Note that ``change`` requests went in, or, when negative, came out."""
        self._inside.inc(change)

    def serving(self, bundle_id: str) -> None:
        """Note that ``bundle_id`` is served, and the previous bundle no longer."""
        if self._served is not None:
            self._bundle.labels(self._served).set(0)
        self._bundle.labels(bundle_id).set(1)
        self._served = bundle_id

    def swapped(self, outcome: Literal["taken", "refused"]) -> None:
        """Count a bundle that became current while another was served, by whether it was taken."""
        self._swaps.labels(outcome).inc()

    def replaced(self) -> None:
        """Count a worker that replaces one that died."""
        self._deaths.inc()

    def set_refused(self, refused: bool) -> None:
        """Note whether the current bundle is refused."""
        self._refused.set(1 if refused else 0)

    def set_store(self, *, up: bool, waiting_bytes: int) -> None:
        """Note whether the database answers, and how many bytes wait for it."""
        self._store.set(1 if up else 0)
        self._waiting.set(waiting_bytes)

    def set_memory(self, n_bytes: int) -> None:
        """Note how much memory this process has to itself."""
        self._memory.set(n_bytes)

    def set_ready(self, ready: bool) -> None:
        """Note whether the service is ready."""
        self._ready.set(1 if ready else 0)

    def exposition(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self._shown)

    def _gauge(self, name: str, meaning: str, *labels: str) -> Gauge:
        return Gauge(name, meaning, labels, registry=self._registry, multiprocess_mode="livesum")
