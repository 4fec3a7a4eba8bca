"""The service as a process: real sockets, real signals, over fakes so that it starts at once."""

from __future__ import annotations

import re
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from service.schemas.requests import MAX_IMAGE_BYTES
from tests.support.fakes import PHOTO
from tests.support.service_process import Service

URL = "/v1/suggestions"
Start = Callable[..., Service]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start services, and see that none is left."""
    with ExitStack() as stack:

        def begin(**settings: str) -> Service:
            service = Service(
                "tests.support.fake_service", {f"TAGSMITH_{name.upper()}": value for name, value in settings.items()}
            )
            stack.callback(service.process.wait, 30)
            stack.callback(service.process.kill)
            return service

        yield begin


@pytest.fixture(scope="module")
def shared() -> Iterator[Service]:
    """A service for tests that leave it running."""
    service = Service("tests.support.fake_service", {})
    yield service
    service.process.terminate()
    assert service.ends_with() == 0


def test_it_answers_and_says_that_it_is_open_to_loopback_alone(shared: Service) -> None:
    """Without keys the first line says who can reach it."""
    with shared.client() as client:
        answer = client.post(URL, files={"image": ("a.jpg", PHOTO)}, data={"seeds": "dog"})
    assert answer.status_code == 200
    said = shared.wait_for("listening")
    assert said["url"].startswith("http://127.0.0.1:")
    assert said["access"] == "no key is configured: answering on loopback only"


def test_sigterm_finishes_what_is_inside_and_ends_with_success(start: Start) -> None:
    """A deployment that stops it loses no request."""
    service = start()
    with service.client() as client, ThreadPoolExecutor(1) as pool:
        slow = pool.submit(client.post, URL, json={"seeds": ["slow"]})
        with service.client() as watcher:
            while "tagsmith_requests_inside 1.0" not in watcher.get("/metrics").text:
                time.sleep(0.01)
        service.process.send_signal(signal.SIGTERM)
        assert slow.result(30).status_code == 200
    assert service.ends_with() == 0
    service.wait_for("stopped")


def test_a_taken_port_is_a_clear_error(start: Start) -> None:
    """Exit code 2, one sentence, what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        service = start(port=str(taken.getsockname()[1]))
        assert service.ends_with() == 2
    assert re.search(r"tagsmith: cannot listen on 127\.0\.0\.1 port \d+ \(.+\): .*--port", "".join(service.lines))
    assert "Traceback" not in "".join(service.lines)


def test_a_misspelt_setting_is_named_at_the_start_and_its_value_is_not(start: Start) -> None:
    """One warning for all workers, and the service goes on."""
    service = start(workers="2", qeue="hunter2", log_levl="hunter2")
    service.wait_for("ready")
    warned = {line["variable"]: line["nearest"] for line in service.told("unknown setting")}
    assert warned == {"TAGSMITH_QEUE": "TAGSMITH_QUEUE", "TAGSMITH_LOG_LEVL": "TAGSMITH_LOG_LEVEL"}
    assert len(service.told("unknown setting")) == 2
    assert "hunter2" not in "".join(service.lines)


def test_another_address_needs_a_word_of_the_operator(start: Start) -> None:
    """Listening for everyone without keys happens by no accident."""
    service = start(host="0.0.0.0")
    assert service.ends_with() == 2
    assert "TAGSMITH_ALLOW_ANONYMOUS=1" in "".join(service.lines)
    allowed = start(host="0.0.0.0", allow_anonymous="1")
    assert "to anyone" in allowed.wait_for("listening")["access"]


def test_a_bundle_that_cannot_be_loaded_ends_the_process(start: Start) -> None:
    """It does not sit there never getting ready; the operator reads why."""
    service = start(bundle="nowhere")
    assert service.ends_with() == 2
    assert "tagsmith: nowhere is neither a bundle" in "".join(service.lines)


def test_a_body_that_is_too_large_is_refused_and_the_caller_hears_it(shared: Service) -> None:
    """The answer comes while the body is still being sent, and the service goes on."""
    with shared.client() as client:

        def endless() -> Iterator[bytes]:
            for _ in range(400):
                yield b" " * 100_000

        refused = client.post(URL, content=endless(), headers={"content-type": "application/json"})
        assert (refused.status_code, refused.json()["code"]) == (413, "body_too_large")
        refused = client.post(URL, files={"image": ("a.jpg", bytes(MAX_IMAGE_BYTES + 1))})
        assert (refused.status_code, refused.json()["code"]) == (413, "image_too_large")
        assert client.post(URL, json={"seeds": ["dog"]}).status_code == 200


def test_a_caller_who_hangs_up_harms_nobody(shared: Service) -> None:
    """Half a body and a closed connection leave a line in the log and nothing else."""
    with shared.client() as client:
        with socket.create_connection((client.base_url.host, client.base_url.port or 80)) as connection:
            connection.sendall(
                b"POST /v1/suggestions HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\n"
                b'Content-Length: 100\r\n\r\n{"seeds": ["dog"]'
            )
        assert client.post(URL, json={"seeds": ["dog"]}).status_code == 200
        while 'status="499"' not in client.get("/metrics").text:
            time.sleep(0.01)
    assert not any('"level": "error"' in line for line in shared.lines)


def test_four_clients_get_a_thousand_answers_without_an_error(shared: Service) -> None:
    """On loopback without keys there is no limit but the queue's."""
    with shared.client() as client, ThreadPoolExecutor(4) as pool:

        def ask(i: int) -> int:
            return client.post(URL, files={"image": ("a.jpg", PHOTO)}, data={"seeds": f"tag{i}"}).status_code

        assert set(pool.map(ask, range(1000))) == {200}
