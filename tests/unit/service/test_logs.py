"""Log lines: JSON, and no content."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from service.logs import LOGGER, JsonLines, configure, log


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where lines go while the test runs."""
    before = (LOGGER.handlers[:], LOGGER.propagate, LOGGER.level)
    foreign = logging.getLogger("uvicorn")
    foreign_before = (foreign.handlers[:], foreign.propagate, foreign.level)
    text = io.StringIO()
    configure("info", text)
    yield text
    LOGGER.handlers[:], LOGGER.propagate, LOGGER.level = before
    foreign.handlers[:], foreign.propagate, foreign.level = foreign_before


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
