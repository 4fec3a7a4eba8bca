"""The watch over logs finds what it is there for."""

from __future__ import annotations

import json

import httpx
import pytest

from tests.support.log_watch import LogWatch

CAPTION = "Grandma's ninetieth birthday"


def requests() -> dict[str, httpx.Request]:
    """Return requests that hold content in each place where there may be some."""
    url = "http://t/v1/suggestions"
    return {
        CAPTION: httpx.Request("POST", url, json={"posts": [{"caption": CAPTION}]}),
        "a form's caption": httpx.Request(
            "POST", url, data={"caption": "a form's caption"}, files={"image": ("holiday-with-jo.jpg", b"12345678")}
        ),
        "holiday-with-jo.jpg": httpx.Request("POST", url, files={"image": ("holiday-with-jo.jpg", b"12345678")}),
        "ts_0123456789": httpx.Request("GET", url, headers={"Authorization": "Bearer ts_0123456789"}),
        "summer-in-rome": httpx.Request("GET", "http://t/v1/sets/summer-in-rome"),
        "sonnenuntergänge": httpx.Request("GET", "http://t/v1/hashtags", params={"prefix": "sonnenuntergänge"}),
    }


@pytest.mark.parametrize("content", requests())
def test_content_that_is_logged_is_found(content: str) -> None:
    """Wherever in a request it stood, and however the line spells it."""
    watch = LogWatch()
    watch.note(requests()[content])
    watch.logged('{"event": "request", "status": 200}')
    assert watch.leaks() == []
    watch.note(requests()[content])
    watch.logged(json.dumps({"event": "request", "note": f"about {content}"}))
    assert watch.leaks() == [content]
    assert watch.leaks() == []


def test_what_is_public_is_no_content() -> None:
    """An id of ours may be in a line."""
    watch = LogWatch()
    watch.note(httpx.Request("POST", "http://t/v1/feedback", json={"suggestion_id": "sg_01KA7V5T9G3RXQ4ZB6N8M2C0DE"}))
    watch.logged("sg_01KA7V5T9G3RXQ4ZB6N8M2C0DE")
    assert watch.leaks() == []
