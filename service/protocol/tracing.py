"""Requests as OpenTelemetry spans, sent by OTLP over HTTP; loaded only where an endpoint is set, and in its own extra.

A span is made when its request is done, out of what the log line has: nothing of a request's content can get into it.
``OTEL_`` variables (sampler, headers, resource) are read by the SDK itself.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from service.protocol.middleware import Answered


class Spans:
    """Sends one span a request."""

    def __init__(self, endpoint: str, version: str) -> None:
        resource = Resource.create({SERVICE_NAME: "tagsmith", SERVICE_VERSION: version})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("tagsmith", version)
        self._callers = TraceContextTextMapPropagator()

    def note(self, answered: Answered, headers: Mapping[str, str]) -> None:
        """Make the span of a request that is done; ``traceparent`` of its headers says whose child it is."""
        ended_ns = time.time_ns()
        span = self._tracer.start_span(
            f"{answered.method} {answered.route}",
            context=self._callers.extract({name: headers[name] for name in self._callers.fields if name in headers}),
            kind=SpanKind.SERVER,
            start_time=ended_ns - int(answered.seconds * 1e9),
            attributes={
                "http.request.method": answered.method,
                "http.route": answered.route,
                "http.response.status_code": answered.status,
                "tagsmith.request_id": answered.request_id,
                **{f"tagsmith.{stage}_ms": ms for stage, ms in answered.stages.ms.items()},
            },
        )
        if answered.status >= 500:
            span.set_status(Status(StatusCode.ERROR))
        span.end(ended_ns)

    def close(self) -> None:
        """Send what is left; takes seconds where nobody listens."""
        self._provider.shutdown()
