"""What tests send and what is logged meanwhile: no caption, hashtag, picture, file name or secret may be in both.

``tests/conftest.py`` looks after each test, so that one which makes the service log content fails by itself.
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
import threading
from collections.abc import Iterator
from typing import Any

import httpx

from service.logs import LOGGER, JsonLines

SHORTEST = 8
"""Shorter ones may stand in a line by accident."""
PUBLIC = re.compile(r"(sg|fb)_[0-9A-Z]+|https?://[\w.:-]+/?|[a-z]{1,12}")
"""What is no content: ids of our own, addresses of tests, and the short words that options are."""
PART = re.compile(
    rb'Content-Disposition: form-data; name="[^"]*"(?:; filename="([^"]*)")?(?:\r\n[^\r\n]+)*\r\n\r\n(.{8,300}?)\r\n--'
)
IN_PATHS = re.compile(r"/v1/(?:hashtags|sets)/([^/?]+)")
SECRET_HEADERS = ("authorization", "x-api-key", "cookie")


class LogWatch(logging.Filter):
    """Collects, from any thread; as a filter it sees each record of the loggers that it is added to."""

    def __init__(self) -> None:
        super().__init__()
        self._guard = threading.Lock()
        self._format = JsonLines()
        self.sent: set[str] = set()
        self.lines: list[str] = []

    def filter(self, record: logging.LogRecord) -> bool:
        """Note a record as the service would write it, and let it pass."""
        self.logged(self._format.format(record))
        return True

    def logged(self, line: str) -> None:
        """Note a line."""
        with self._guard:
            self.lines.append(line)

    def note(self, request: httpx.Request) -> None:
        """Note what a request holds."""
        found = {request.headers[name].rpartition(" ")[2] for name in SECRET_HEADERS if name in request.headers}
        found |= {httpx.URL(segment).path for segment in IN_PATHS.findall(request.url.path)}
        found |= {value for _, value in request.url.params.multi_items()}
        # A body of unknown length is streamed, perhaps without end: it is the server's to read.
        body = request.read() if "content-length" in request.headers else b""
        if request.headers.get("content-type", "").startswith("application/json"):
            with contextlib.suppress(ValueError, RecursionError):
                found |= set(_strings(json.loads(body)))
        elif body:
            found |= {part.decode("utf-8", "replace") for pair in PART.findall(body) for part in pair}
        with self._guard:
            self.sent |= {one for one in found if len(one) >= SHORTEST and not PUBLIC.fullmatch(one)}

    async def note_async(self, request: httpx.Request) -> None:
        """Note what a request of an asynchronous client holds."""
        if "content-length" in request.headers:
            await request.aread()
        self.note(request)

    def leaks(self) -> list[str]:
        """Return what was sent and logged since the last look, and forget both."""
        with self._guard:
            sent, lines = self.sent, self.lines
            self.sent, self.lines = set(), []
        log = "\n".join(lines)
        # Lines are ASCII, so what is not is looked for as it would be written there.
        return sorted(one for one in sent if one in log or json.dumps(one)[1:-1] in log)


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
    """Watch the service's log, and the server's, in this process, down to the least line."""
    for logger in (LOGGER, logging.getLogger("uvicorn.error"), logging.getLogger("asyncio")):
        logger.addFilter(WATCH)
    LOGGER.setLevel(logging.DEBUG)
