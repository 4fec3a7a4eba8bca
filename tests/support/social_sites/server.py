"""One local HTTP server for every social site: it answers as they do, or fails as it is told to, and keeps a log."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.support.social_sites.world import picture_bytes

API_PATH = {"mastodon": "/api/v1/timelines", "commons": "/w/api.php", "openverse": "/v1/", "instagram": "/graphql"}
"""Source -> beginning of the paths that it asks for lists of posts."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came.

    Attributes:
        method: GET or POST.
        path: decoded no further than it came.
        query: of the address, and of a form in the body.
        headers: names in lower case.
    """

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server sends."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Fault:
    """What goes wrong instead of an answer, for the next ``times`` requests whose path begins so.

    Attributes:
        path: beginning of the path.
        how: a status as text (``429``), ``broken``, ``huge``, ``slow`` or ``endless``.
        times: requests that it befalls.
        headers: sent with a status.
        body: sent with a status.
    """

    path: str
    how: str
    times: int = 1
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b'{"error":"so it was told"}'


Route = Callable[[Asked], Answer | None]


@dataclass(slots=True)
class SocialSite:
    """A server that runs.

    Attributes:
        address: ``http://127.0.0.1:port``.
        routes: asked in turn until one answers.
        faults: what goes wrong next.
        log: every request, in order.
        robots: the text of robots.txt.
    """

    address: str
    routes: list[Route]
    faults: list[Fault] = field(default_factory=list)
    log: list[Asked] = field(default_factory=list)
    robots: str = "User-agent: *\nDisallow: /forbidden\n"

    def paths(self) -> list[str]:
        """Return the paths asked for, in order, without robots.txt."""
        return [asked.path for asked in self.log if asked.path != "/robots.txt"]

    def answer(self, asked: Asked) -> Answer:
        """Return what to send for a request that no fault befalls."""
        if asked.path == "/robots.txt":
            return Answer(self.robots.encode(), headers={"Content-Type": "text/plain"})
        if asked.path.startswith("/pictures/"):
            number = int(asked.path.rpartition("/")[2].partition(".")[0])
            return Answer(picture_bytes(number), headers={"Content-Type": "image/jpeg"})
        for route in self.routes:
            answer = route(asked)
            if answer is not None:
                return answer
        return json_answer({"error": "Record not found"}, status=404)

    def fault_for(self, asked: Asked) -> Fault | None:
        """Return what befalls a request, and count it off."""
        for fault in self.faults:
            if fault.times > 0 and asked.path.startswith(fault.path):
                fault.times -= 1
                return fault
        return None


def json_answer(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """Return an answer of JSON."""
    body = json.dumps(value, ensure_ascii=False).encode()
    return Answer(body, status, {"Content-Type": "application/json; charset=utf-8", **(headers or {})})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self._serve({})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._serve(dict(parse_qsl(body.decode(), keep_blank_values=True)))

    def log_message(self, *args: object) -> None:
        """Say nothing; the log is kept."""

    def _serve(self, form: dict[str, str]) -> None:
        parts = urlsplit(self.path)
        query = {**dict(parse_qsl(parts.query, keep_blank_values=True)), **form}
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, parts.path, query, headers)
        site = self.server.site
        site.log.append(asked)
        fault = site.fault_for(asked)
        if fault is None:
            self._send(site.answer(asked))
        elif fault.how.isdigit():
            self._send(Answer(fault.body, int(fault.how), fault.headers))
        elif fault.how == "broken":
            self._send(Answer(site.answer(asked).body[:-20], headers={"Content-Type": "application/json"}))
        elif fault.how == "huge":
            self._send(Answer(b" " * (40 * 1024 * 1024), headers={"Content-Type": "application/json"}))
        else:
            self._drip(0.05 if fault.how == "endless" else 0.3)

    def _send(self, answer: Answer) -> None:
        try:
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)
        except OSError:
            self.close_connection = True  # the client had enough

    def _drip(self, pause_s: float) -> None:
        """Send a body a little at a time, without end, until the client leaves or the server closes."""
        self.close_connection = True
        try:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            while not self.server.closing.is_set():
                self.wfile.write(b" " * 64)
                self.wfile.flush()
                time.sleep(pause_s)
        except OSError:
            return


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.closing = threading.Event()
        self.site = SocialSite(f"http://127.0.0.1:{self.server_address[1]}", [])


@contextmanager
def social_site(*routes: Route) -> Iterator[SocialSite]:
    """Run a server with these routes; more may be added once its address is known."""
    server = _Server()
    server.site.routes.extend(routes)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.site
    finally:
        server.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()
