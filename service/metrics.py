"""Counters and timers for Prometheus; no label has values that a caller can invent."""

from __future__ import annotations

from collections.abc import Callable

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

from service.stages import STAGES, Stages

CONTENT_TYPE = CONTENT_TYPE_LATEST
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
SECONDS = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class Metrics:
    """One registry an application, so that two applications in one process do not share counts."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        for collector in (PROCESS_COLLECTOR, PLATFORM_COLLECTOR, GC_COLLECTOR):
            self._registry.register(collector)
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
        self._inside = Gauge("tagsmith_requests_inside", "Requests between gate and answer", registry=self._registry)
        self._ready = Gauge("tagsmith_ready", "1 while the service is ready to answer", registry=self._registry)
        self._bundle = Gauge("tagsmith_bundle", "The bundle that is served", ("bundle",), registry=self._registry)
        for stage in STAGES:
            self._stage_seconds.labels(stage)

    def answered(self, route: str, method: str, status: int, seconds: float, stages: Stages) -> None:
        """Count one answer; ``route`` is the template of the path."""
        known_method = method if method in METHODS else "other"
        self._requests.labels(route, known_method, str(status)).inc()
        self._seconds.labels(route).observe(seconds)
        for stage, ms in stages.ms.items():
            self._stage_seconds.labels(stage).observe(ms / 1000.0)

    def refused(self, code: str) -> None:
        """Count one problem by its code."""
        self._problems.labels(code).inc()

    def classified(self, n_pictures: int) -> None:
        """Count one forward pass."""
        self._batch_items.observe(n_pictures)

    def watch_queue(self, n_inside: Callable[[], int]) -> None:
        """Read the number of requests inside from ``n_inside`` whenever the metrics are asked for."""
        self._inside.set_function(n_inside)

    def serving(self, bundle_id: str) -> None:
        """Note that ``bundle_id`` is served."""
        self._bundle.clear()
        self._bundle.labels(bundle_id).set(1)

    def set_ready(self, ready: bool) -> None:
        """Note whether the service is ready."""
        self._ready.set(1 if ready else 0)

    def exposition(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self._registry)
