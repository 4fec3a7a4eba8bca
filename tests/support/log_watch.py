"""What a run of tests sends and what is logged: no caption, hashtag, picture, file name or secret may be in both.

Every client of httpx is seen, whoever makes it; what other programs send is noted with ``sends``. What was sent
is remembered to the end of the run, since a service in a process of its own may write its line when the test that
asked it is over. ``tests/conftest.py`` looks after each test and once more at the end.
"""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import re
import threading
from collections.abc import Iterator
from typing import Any

import httpx

from service.observe.logs import LOGGER, JsonLines

SHORTEST = 8
"""Shorter ones may stand in a line by accident, and so may those of fewer than ``LEAST_SIGNS`` different signs."""
LEAST_SIGNS = 4
LONGEST = 48
"""The beginning of a caption is as private as the whole."""
PUBLIC = re.compile(r"(sg|fb)_[0-9A-Z]+|https?://[\w.:-]+/?|[a-z]{1,12}")
"""What is no content: ids of our own, addresses of tests, and the short words that options are."""
PART = re.compile(
    rb'Content-Disposition: form-data; name="[^"]*"(?:; filename="([^"]*)")?(?:\r\n[^\r\n]+)*\r\n\r\n(.{8,300}?)\r\n--'
)
IN_PATHS = re.compile(r"/v1/(?:hashtags|sets)/([^/?]+)")
IN_COMMANDS = re.compile(r'caption"?[=:] ?"([^"]+)"')
SECRET_HEADERS = ("authorization", "x-api-key", "cookie")


class LogWatch(logging.Filter):
    """Collects, from any thread; as a filter it sees each record of the loggers that it is added to."""

    def __init__(self) -> None:
        super().__init__()
        self._guard = threading.Lock()
        self._format = JsonLines()
        self._sent: dict[str, set[str]] = {}
        self._lines: list[str] = []

    def filter(self, record: logging.LogRecord) -> bool:
        """Note a record as the service would write it, and let it pass."""
        self.logged(self._format.format(record))
        return True

    def logged(self, line: str) -> None:
        """Note a line."""
        with self._guard:
            self._lines.append(line)

    def sends(self, *content: str) -> None:
        """Note what a test sends, in full or not."""
        with self._guard:
            for text in content:
                if len(text) >= SHORTEST and len(set(text)) >= LEAST_SIGNS and not PUBLIC.fullmatch(text):
                    # Log lines are ASCII, so other signs are looked for in their escaped form.
                    for spelt in (text[:LONGEST], json.dumps(text)[1:-1][:LONGEST]):
                        self._sent.setdefault(spelt[:SHORTEST], set()).add(spelt)

    def runs(self, command: str) -> None:
        """Note the captions of a command line that sends some."""
        self.sends(*IN_COMMANDS.findall(command))

    def note(self, request: httpx.Request) -> None:
        """Note what a request holds."""
        secrets = {request.headers[name].rpartition(" ")[2] for name in SECRET_HEADERS if name in request.headers}
        # A key's last part is the secret one.
        found = secrets | {secret.rpartition("_")[2] for secret in secrets}
        found |= {httpx.URL(segment).path for segment in IN_PATHS.findall(request.url.path)}
        found |= {value for _, value in request.url.params.multi_items()}
        # A body of unknown length is streamed, perhaps without end: it is the server's to read.
        body = request.read() if "content-length" in request.headers else b""
        if request.headers.get("content-type", "").startswith("application/json"):
            with contextlib.suppress(ValueError, RecursionError):
                found |= set(_strings(json.loads(body)))
        elif body:
            found |= {part.decode("utf-8", "replace") for pair in PART.findall(body) for part in pair}
        self.sends(*found)

    def leaks(self) -> list[str]:
        """Return what was ever sent and has been logged since the last look."""
        with self._guard:
            lines, self._lines = self._lines, []
            return sorted({text for line in lines for text in self._found_in(line)})

    def _found_in(self, line: str) -> Iterator[str]:
        for start in range(len(line) - SHORTEST + 1):
            for text in self._sent.get(line[start : start + SHORTEST], ()):
                if line.startswith(text, start):
                    yield text


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)


WATCH = LogWatch()


def begin() -> None:
    """Watch every client, and the service's log and the server's in this process, down to the least line."""
    _watch_clients()
    for logger in (LOGGER, logging.getLogger("uvicorn.error"), logging.getLogger("asyncio")):
        logger.addFilter(WATCH)
    LOGGER.setLevel(logging.DEBUG)


def _watch_clients() -> None:
    send, send_async = httpx.Client.send, httpx.AsyncClient.send

    @functools.wraps(send)
    def watched(client: httpx.Client, request: httpx.Request, **named: Any) -> httpx.Response:
        WATCH.note(request)
        return send(client, request, **named)

    @functools.wraps(send_async)
    async def watched_async(client: httpx.AsyncClient, request: httpx.Request, **named: Any) -> httpx.Response:
        if "content-length" in request.headers:
            await request.aread()
        WATCH.note(request)
        return await send_async(client, request, **named)

    httpx.Client.send = watched  # type: ignore[method-assign, assignment]
    httpx.AsyncClient.send = watched_async  # type: ignore[method-assign, assignment]
