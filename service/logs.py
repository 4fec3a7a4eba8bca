"""Log lines as JSON, without content: no caption, no hashtag, no file name, no text of an error."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any, TextIO

LOGGER = logging.getLogger("tagsmith.service")


class JsonLines(logging.Formatter):
    """Formats a record as one JSON object; ``extra={"fields": {...}}`` adds members."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        line.update(getattr(record, "fields", {}))
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = type(record.exc_info[1]).__name__
            line["trace"] = trace_of(record.exc_info[1])
        return json.dumps(line, ensure_ascii=True, default=str)


def trace_of(error: BaseException) -> list[str]:
    """Return where ``error`` came from, innermost last, as "file:line function"; never its text."""
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{'/'.join(PurePath(frame.filename).parts[-2:])}:{frame.lineno} {frame.name}" for frame in frames]


def log(event: str, *, level: int = logging.INFO, **fields: Any) -> None:
    """Write one line."""
    LOGGER.log(level, event, extra={"fields": fields})


def configure(level: str, stream: TextIO | None = None) -> None:
    """Send our lines, and uvicorn's warnings and errors, to ``stream`` (standard error) as JSON."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    LOGGER.handlers[:] = [handler]
    LOGGER.propagate = False
    LOGGER.setLevel(level.upper())
    foreign = logging.getLogger("uvicorn")
    foreign.handlers[:] = [handler]
    foreign.propagate = False
    foreign.setLevel(logging.WARNING)
