"""The watch over logs finds what it is there for."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.house.rooms import ROOT
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
    assert json.dumps(content)[1:-1] in watch.leaks()
    assert watch.leaks() == []
    watch.logged(f'a later line that quotes "{content}"')
    assert content in watch.leaks()


def test_a_part_of_what_is_private_is_found() -> None:
    """A caption that was cut, and the secret of a key without its public part."""
    watch = LogWatch()
    key = "tgs_abcdefghijkl_" + "234567mnopqr" * 4
    watch.note(httpx.Request("POST", "http://t/", json={"caption": CAPTION * 40}, headers={"x-api-key": key}))
    watch.logged(f"{CAPTION * 2}...")
    assert watch.leaks() == [(CAPTION * 2)[:48]]
    watch.logged("the key tgs_abcdefghijkl was used")
    assert watch.leaks() == []
    watch.logged(key.rpartition("_")[2])
    assert watch.leaks() == [key.rpartition("_")[2]]


def test_what_is_public_is_no_content() -> None:
    """An id of ours may be in a line."""
    watch = LogWatch()
    watch.note(httpx.Request("POST", "http://t/v1/feedback", json={"suggestion_id": "sg_01KA7V5T9G3RXQ4ZB6N8M2C0DE"}))
    watch.logged("sg_01KA7V5T9G3RXQ4ZB6N8M2C0DE")
    assert watch.leaks() == []


PLANTED = """
import httpx, pytest
from service.observe.logs import log
from tests.support.log_watch import WATCH

CAPTION = "Grandma's ninetieth birthday"

@pytest.fixture(scope="module")
def service():
    def answer(request):
        IN_TIME
        return httpx.Response(200)
    yield httpx.MockTransport(answer)
    TOO_LATE

def test_with_a_client_of_its_own(service):
    with httpx.Client(transport=service) as client:
        client.post("http://t/v1/suggestions", json={"caption": CAPTION})

async def test_with_an_asynchronous_one(service):
    async with httpx.AsyncClient(transport=service) as client:
        await client.post("http://t/v1/suggestions", data={"caption": CAPTION}, files={"image": b"12345678"})

def test_with_none(service):
    WATCH.sends(CAPTION)
"""
LEAK = 'log("request", note=CAPTION)'


@pytest.mark.parametrize(
    ("in_time", "too_late", "told"),
    [
        ("pass", "pass", "3 passed"),
        (LEAK, "pass", "3 passed, 2 errors"),
        ("pass", LEAK, 'logged, and must not be: ["Grandma\'s ninetieth birthday"]'),
    ],
    ids=["nothing planted", "planted in a request", "planted after the last test"],
)
def test_a_planted_leak_fails_the_run(tmp_path: Path, in_time: str, too_late: str, told: str) -> None:
    """Whoever made the client that sent it, and also where the line comes when all tests have passed."""
    test = tmp_path / "test_planted.py"
    test.write_text(PLANTED.replace("IN_TIME", in_time).replace("TOO_LATE", too_late), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-c", "pyproject.toml", "-p", "tests.conftest", str(test)]
    done = subprocess.run([*command, "-p", "no:cacheprovider"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert told in done.stdout + done.stderr
    assert (done.returncode == 0) == (in_time == too_late == "pass")
