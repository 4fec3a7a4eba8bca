"""Log lines: JSON, and no content."""

from __future__ import annotations

import asyncio
import gc
import io
import json
import logging
import sys
import threading
import warnings
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from service.observe.logs import LOGGER, JsonLines, configure, log


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where lines go while the test runs."""
    loggers = (LOGGER, logging.getLogger())
    before = [(one.handlers[:], one.propagate, one.level) for one in loggers]
    hooks = (warnings.showwarning, threading.excepthook, sys.unraisablehook)
    text = io.StringIO()
    configure("info", text)
    yield text
    warnings.showwarning, threading.excepthook, sys.unraisablehook = hooks
    for one, (handlers, propagate, level) in zip(loggers, before, strict=True):
        one.handlers[:], one.propagate, one.level = handlers, propagate, level


def test_a_line_is_one_json_object(stream: io.StringIO) -> None:
    """With time in UTC, level, event and the fields."""
    log("request", status=200, route="/ping")
    line = json.loads(stream.getvalue())
    assert (line["level"], line["event"], line["status"], line["route"]) == ("info", "request", 200, "/ping")
    assert line["time"].endswith("Z")


def test_lines_below_the_level_are_not_written(stream: io.StringIO) -> None:
    """The operator chose what is worth a line."""
    log("request", level=logging.DEBUG)
    assert stream.getvalue() == ""


def test_an_error_is_told_by_place_and_not_by_text() -> None:
    """What an exception says may quote a caption; where it came from may not."""
    try:
        raise ValueError("a caption")
    except ValueError as error:
        record = LOGGER.makeRecord(
            "x", logging.ERROR, __file__, 1, "fault", (), (ValueError, error, error.__traceback__)
        )
    line = JsonLines().format(record)
    assert "a caption" not in line
    assert json.loads(line)["error"] == "ValueError"
    assert json.loads(line)["trace"][-1].endswith("test_an_error_is_told_by_place_and_not_by_text")


def test_warnings_of_the_server_become_lines_too(stream: io.StringIO) -> None:
    """Its chatter does not."""
    logging.getLogger("uvicorn.error").warning("Cancel 1 running task(s)")
    logging.getLogger("uvicorn.error").info("Started server process")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["Cancel 1 running task(s)"]


SECRET = "a caption that an error quotes"


async def _forgotten_task() -> None:
    async def fail() -> None:
        raise ValueError(SECRET)

    task = asyncio.ensure_future(fail())
    await asyncio.wait([task])
    del task
    gc.collect()


async def _callback_that_fails() -> None:
    def fail(text: str) -> None:
        raise ValueError(text)

    asyncio.get_running_loop().call_soon(fail, SECRET)
    await asyncio.sleep(0)


async def _thread_that_fails() -> None:
    def fail() -> None:
        raise ValueError(SECRET)

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()


async def _finaliser_that_fails() -> None:
    class Failing:
        def __del__(self) -> None:
            raise ValueError(SECRET)

    Failing()
    gc.collect()


async def _warning() -> None:
    warnings.warn(SECRET, stacklevel=1)


async def _library() -> None:
    logging.getLogger("sqlalchemy.pool").error("%s", SECRET)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (_forgotten_task, "ValueError"),
        (_callback_that_fails, "ValueError"),
        (_thread_that_fails, "ValueError"),
        (_finaliser_that_fails, "ValueError"),
        (_warning, None),
        (_library, None),
    ],
)
def test_what_fails_outside_of_a_request_is_told_by_place_as_well(
    fault: Callable[[], Coroutine[Any, Any, None]],
    error: str | None,
    stream: io.StringIO,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Python, the event loop and libraries would print the text, which may quote what somebody sent."""
    asyncio.run(fault())
    (line,) = map(json.loads, stream.getvalue().splitlines())
    assert line.get("error") == error
    assert "test_logs.py" in str(line.get("trace", [line.get("where")])[-1])
    assert SECRET not in stream.getvalue() + "".join(capfd.readouterr())
