"""One bundle follows another while requests go on: nothing fails, nothing is mixed, what cannot be used is refused."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from core.bundle.opening import move_current, rollback, use
from tests.support.fake_bundles import DEADLY, WORDS, publish_fake
from tests.support.service_process import Service

URL = "/v1/suggestions"
Start = Callable[..., Service]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with the bundles "one" and "two", the second current."""
    publish_fake(tmp_path / "store", "one")
    publish_fake(tmp_path / "store", "two")
    return tmp_path / "store"


@pytest.fixture
def start(store: Path) -> Iterator[Start]:
    """Start services of the store, and see that none is left."""
    with ExitStack() as stack:

        def begin(**settings: str) -> Service:
            told = {"bundle": str(store), "follow_s": "0.05", **settings}
            service = Service(
                "tests.support.fake_service", {f"TAGSMITH_{name.upper()}": value for name, value in told.items()}
            )
            stack.callback(service.process.wait, 30)
            stack.callback(service.process.terminate)
            return service

        yield begin


def served_by(client: httpx.Client) -> str:
    """Return the bundle that an answer names, having seen that all of it comes from there."""
    response = client.post(URL, json={"seeds": ["dog"], "limit": 20})
    assert response.status_code == 200, response.text
    body = response.json()
    bundle: str = body["bundle"]
    assert {one["hashtag"].rstrip("0123456789") for one in body["suggestions"]} == {bundle}
    return bundle


@contextmanager
def load_on(service: Service, n_clients: int = 4) -> Iterator[Counter[str]]:
    """Ask without pause in the block; yield the count of answers by bundle. One that fails or is mixed ends it."""
    counts: Counter[str] = Counter()
    over = threading.Event()

    def ask() -> None:
        with service.client() as client:
            while not over.is_set():
                counts[served_by(client)] += 1

    with ThreadPoolExecutor(n_clients) as pool:
        asking = [pool.submit(ask) for _ in range(n_clients)]
        try:
            yield counts
        finally:
            over.set()
        for one in asking:
            one.result()


def until(true: Callable[[], bool]) -> None:
    """Wait for something that happens within minutes."""
    deadline = time.monotonic() + 240
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_bundle_is_taken_under_load_without_a_failed_or_mixed_answer(start: Start, store: Path, workers: str) -> None:
    """Every answer names one bundle and holds that bundle's hashtags alone; soon all come from the new one."""
    service = start(workers=workers)
    with load_on(service) as counts:
        for wanted in ("one", "two", "one", "two"):
            use(store, wanted)
            n_before = counts[wanted]
            until(lambda wanted=wanted, n_before=n_before: counts[wanted] > n_before + 20)  # type: ignore[misc]
    assert set(counts) == {"one", "two"}
    with service.client() as client:
        until(lambda: {served_by(client) for _ in range(20)} == {"two"})


def test_rolling_back_takes_the_bundle_before(start: Start, store: Path) -> None:
    """And the old one is let go after its last request."""
    service = start()
    with service.client() as client:
        assert served_by(client) == "two"
        rollback(store)
        until(lambda: served_by(client) == "one")
    assert service.wait_for("bundle released")["bundle"] == "two"


def test_a_request_keeps_the_bundle_that_it_began_with(start: Start, store: Path) -> None:
    """Answered after the swap, it is still the old bundle's whole; so is the card that another request reads."""
    service = start(deadline_s="60")
    with service.client() as client, ThreadPoolExecutor(1) as pool:
        slow = pool.submit(client.post, URL, json={"seeds": ["slower"]})
        until(lambda: "tagsmith_requests_inside 1.0" in client.get("/metrics").text)
        use(store, "one")
        until(lambda: client.get("/v1/bundle").json()["bundle"] == "one")
        assert not slow.done()
        assert slow.result(60).json()["bundle"] == "two"


def test_a_corrupt_bundle_is_refused_and_the_old_one_keeps_serving(start: Start, store: Path) -> None:
    """/ready, a metric and a log line say so, until a bundle can be used again."""
    service = start()
    with load_on(service, 2) as counts:
        (store / "one" / WORDS).write_text("changed", encoding="utf-8")
        move_current(store, "one")
        refused = service.wait_for("bundle refused")
        assert (refused["bundle"], refused["serving"], refused["error"]) == ("one", "two", "BundleCorrupt")
        with service.client() as client:
            ready = client.get("/ready")
            assert (ready.status_code, ready.json()["bundle"]) == (200, "two")
            assert [warning["code"] for warning in ready.json()["warnings"]] == ["bundle_refused"]
            assert "tagsmith_bundle_refused 1.0" in client.get("/metrics").text
            use(store, "two")
            until(lambda: "warnings" not in client.get("/ready").json())
            assert "tagsmith_bundle_refused 0.0" in client.get("/metrics").text
    assert set(counts) == {"two"}


def test_a_bundle_of_another_format_is_refused(start: Start, store: Path) -> None:
    """What this program cannot read is not served, and what it read before still is."""
    service = start()
    manifest = store / "one" / "manifest.json"
    manifest.write_text(manifest.read_text("utf-8").replace('"format_version": 1', '"format_version": 9'), "utf-8")
    move_current(store, "one")
    assert service.wait_for("bundle refused")["error"] == "BundleMismatch"
    with service.client() as client:
        assert served_by(client) == "two"


def test_started_on_a_corrupt_bundle_it_serves_the_one_before(start: Start, store: Path) -> None:
    """A restart while the current bundle is broken is no reason to answer nothing."""
    (store / "two" / WORDS).write_text("changed", encoding="utf-8")
    service = start()
    with service.client() as client:
        assert served_by(client) == "one"
        assert client.get("/ready").json()["warnings"][0]["code"] == "bundle_refused"


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_bundle_that_ends_the_process_that_opens_it_ends_none_that_answers(
    start: Start, store: Path, workers: str
) -> None:
    """It dies in a child: the service goes on with the one before, and a restart begins with the one before."""
    service = start(workers=workers)
    with load_on(service, 2) as counts:
        publish_fake(store, DEADLY)
        refused = service.wait_for("bundle refused")
        assert (refused["bundle"], refused["serving"]) == (DEADLY, "two")
        assert "SIGABRT" in refused["reason"]
        n_before = counts["two"]
        until(lambda: counts["two"] > n_before + 20)
    assert set(counts) == {"two"}
    assert not service.told("worker ended")
    again = start(workers=workers)
    with again.client() as client:
        assert {served_by(client) for _ in range(10)} == {"two"}
    assert not again.told("worker ended")
