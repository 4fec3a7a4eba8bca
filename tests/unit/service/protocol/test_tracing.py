"""Traces: sent by OTLP where an endpoint is set, without content, and not imported elsewhere."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

pytest.importorskip("opentelemetry.sdk", reason="needs the otel extra")

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.unit.service.conftest import Ask

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@contextmanager
def collector() -> Iterator[tuple[str, list[bytes]]]:
    """Listen like a collector; yield its endpoint and the bodies that it got."""
    bodies: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", bodies
        finally:
            server.shutdown()
            thread.join()


def spans_of(bodies: list[bytes]) -> list[Span]:
    """Return the spans that a collector got."""
    return [
        span
        for body in bodies
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


@pytest.fixture
async def traced() -> list[bytes]:
    """What a collector got of a request with content in every place."""
    from service.app import create_app
    from service.settings import Settings
    from tests.support.serving import fake_loaded, loader
    from tests.unit.service.conftest import asking, until_ready

    with collector() as (endpoint, bodies):
        app = create_app(Settings(otlp_endpoint=endpoint), load=loader(fake_loaded()))
        async with asking(app) as client:
            await until_ready(app)
            await client.post(
                "/v1/suggestions",
                json={"caption": "my secretcaption", "seeds": ["secretseed"]},
                headers={"traceparent": f"00-{TRACE}-{PARENT}-01", "x-request-id": "r-1", "cookie": "secret=cookie"},
            )
            await client.get("/v1/secretpath?secret=parameter")
        return bodies


async def test_each_request_is_a_span_and_joins_the_callers_trace(traced: list[bytes]) -> None:
    """Its route, status, request id and stages are told."""
    spans = {span.name: span for span in spans_of(traced)}
    assert set(spans) == {"POST /v1/suggestions", "GET unmatched"}
    span = spans["POST /v1/suggestions"]
    told = {one.key: one.value.string_value or one.value.int_value or one.value.double_value for one in span.attributes}
    assert told["tagsmith.request_id"] == "r-1"
    assert told["http.route"] == "/v1/suggestions"
    assert {"tagsmith.read_ms", "tagsmith.rank_ms"} <= set(told)
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, PARENT)
    assert span.end_time_unix_nano > span.start_time_unix_nano


async def test_no_content_is_traced(traced: list[bytes]) -> None:
    """No caption, hashtag, path, query string or header."""
    assert traced
    assert not any(b"secret" in body for body in traced)


async def test_a_collector_that_is_away_harms_no_request(serve: Ask) -> None:
    """Spans are dropped, answers are not."""
    client = await serve(otlp_endpoint="http://127.0.0.1:9")
    assert (await client.post("/v1/suggestions", json={"seeds": ["dog"]})).status_code == 200


def test_without_an_endpoint_it_is_not_even_imported() -> None:
    """Off means off: whoever does not install the extra loses nothing."""
    code = "import service.app, sys; sys.exit(any(name.startswith('opentelemetry.sdk') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
