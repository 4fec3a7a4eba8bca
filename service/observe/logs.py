"""Log lines as JSON, without content: no caption, no hashtag, no file name, no text of an error."""

from __future__ import annotations

import json
import logging
import sys
import threading
import traceback
import warnings
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any, TextIO

LOGGER = logging.getLogger("tagsmith.service")
# Commands report errors in one sentence of their own; without this Python would print our warnings beside it.
LOGGER.addHandler(logging.NullHandler())
QUOTED = (LOGGER.name, "uvicorn.error")
"""Loggers whose messages are known to hold no content; those of others may quote whatever an error was about."""


class JsonLines(logging.Formatter):
    """Formats a record as one JSON object; ``extra={"fields": {...}}`` adds members."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": record.getMessage() if record.name in QUOTED else f"{record.levelname.lower()} of {record.name}",
        }
        if record.name not in QUOTED:
            line["where"] = f"{_short(record.pathname)}:{record.lineno} {record.funcName}"
        line.update(getattr(record, "fields", {}))
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = type(record.exc_info[1]).__name__
            line["trace"] = trace_of(record.exc_info[1])
        return json.dumps(line, ensure_ascii=True, default=str)


def trace_of(error: BaseException) -> list[str]:
    """Return the trace of ``error``, innermost frame last, as "file:line function"; never its text."""
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{_short(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames]


def log(event: str, *, level: int = logging.INFO, **fields: Any) -> None:
    """Write one line with ``event`` and ``fields``."""
    LOGGER.log(level, event, extra={"fields": fields})


def configure(level: str, stream: TextIO | None = None) -> None:
    """Send our lines, and other libraries' warnings and errors, to ``stream`` (standard error) as JSON."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    LOGGER.handlers[:] = [handler]
    LOGGER.propagate = False
    LOGGER.setLevel(level.upper())
    everyone = logging.getLogger()
    everyone.handlers[:] = [handler]
    everyone.setLevel(logging.WARNING)
    # Python would print these itself, with the text of the error.
    warnings.showwarning = _note_warning
    threading.excepthook = lambda fault: _note_fault(fault.exc_value)
    sys.unraisablehook = lambda fault: _note_fault(fault.exc_value)


def _note_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    log("warning", level=logging.WARNING, category=category.__name__, where=f"{_short(filename)}:{lineno}")


def _note_fault(error: BaseException | None) -> None:
    LOGGER.error("fault outside of a request", exc_info=error)


def _short(path: str) -> str:
    return "/".join(PurePath(path).parts[-2:])
