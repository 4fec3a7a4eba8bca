"""Several workers behind one address: they answer alike, count together, are replaced when they die, and drain."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import pytest

from tests.support.service_process import ROOT, Service

URL = "/v1/suggestions"
STARTER = ROOT / "bundles" / "starter"
Start = Callable[..., Service]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start services with two workers, and see that none is left."""
    with ExitStack() as stack:

        def begin(**settings: str) -> Service:
            told = {"workers": "2", **settings}
            service = Service(
                "tests.support.fake_service", {f"TAGSMITH_{name.upper()}": value for name, value in told.items()}
            )
            stack.callback(service.process.wait, 30)
            stack.callback(service.process.terminate)
            return service

        yield begin


def until(true: Callable[[], bool]) -> None:
    """Wait for something that happens within minutes."""
    deadline = time.monotonic() + 240
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def workers_of(service: Service) -> set[int]:
    """Return the process ids that were started and have not ended."""
    return {int(line["pid"]) for line in service.told("worker started")} - {
        int(line["pid"]) for line in service.told("worker ended")
    }


def value(client: httpx.Client, metric: str) -> float:
    """Return one sample."""
    found = re.search(rf"^{re.escape(metric)} (\S+)$", client.get("/metrics").text, flags=re.MULTILINE)
    return float(found.group(1)) if found else 0.0


def test_workers_count_together_and_any_of_them_tells(start: Start) -> None:
    """A scrape reaches one worker by chance, and must not see the counters of that one alone."""
    service = start()
    with service.client() as client:
        until(lambda: value(client, "tagsmith_ready") == 2)
    answered = 'tagsmith_requests_total{method="POST",route="/v1/suggestions",status="200"}'
    for _ in range(20):
        with service.client() as client:
            assert client.post(URL, json={"seeds": ["dog"]}).status_code == 200
    with service.client() as client:
        until(lambda: value(client, answered) == 20)
    for _ in range(10):
        with service.client() as client:
            assert value(client, answered) == 20
            assert value(client, "tagsmith_requests_inside") == 0


def test_a_killed_worker_is_replaced_while_the_others_answer(start: Start) -> None:
    """Whoever was not inside the dead one notices nothing; counters do not go back, gauges do not keep the dead."""
    service = start()
    with service.client() as client:
        until(lambda: value(client, "tagsmith_ready") == 2)
    victim = min(workers_of(service))
    os.kill(victim, signal.SIGKILL)
    assert service.wait_for("worker ended")["signal"] == "SIGKILL"
    for _ in range(20):
        with service.client() as client:
            assert client.post(URL, json={"seeds": ["dog"]}).status_code == 200
    until(lambda: len(service.told("ready")) == 3)
    assert len(workers_of(service) - {victim}) == 2
    with service.client() as client:
        until(lambda: value(client, "tagsmith_ready") == 2)
        assert value(client, "tagsmith_worker_deaths_total") == 1


def test_sigterm_drains_every_worker(start: Start) -> None:
    """What is inside is answered, then all processes are gone."""
    service = start()
    with service.client() as client, ThreadPoolExecutor(2) as pool:
        until(lambda: len(service.told("ready")) == 2)
        slow = [pool.submit(httpx.post, f"{client.base_url}{URL}", json={"seeds": ["slow"]}) for _ in range(2)]
        until(lambda: value(client, "tagsmith_requests_inside") == 2)
        service.process.send_signal(signal.SIGTERM)
        assert [one.result(30).status_code for one in slow] == [200, 200]
    assert service.ends_with() == 0
    assert not [pid for pid in workers_of(service) if Path(f"/proc/{pid}").exists()]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_while_it_drains_callers_are_refused_at_the_door(start: Start, workers: str) -> None:
    """A connection that is taken and then cut looks like an answer that was lost."""
    service = start(workers=workers, drain_s="60", deadline_s="90")
    with service.client() as client, ThreadPoolExecutor(1) as pool:
        endless = pool.submit(httpx.post, f"{client.base_url}{URL}", json={"seeds": ["endless"]}, timeout=200)
        until(lambda: value(client, "tagsmith_requests_inside") == 1)
        service.process.send_signal(signal.SIGTERM)
        until(lambda: is_refused(str(client.base_url)))
        assert service.process.poll() is None
        assert not endless.done()
        for pid in {*workers_of(service), service.process.pid}:
            with suppress(ProcessLookupError):  # one ends when another does
                os.kill(pid, signal.SIGKILL)


def is_refused(address: str) -> bool:
    """Return whether nobody takes connections there."""
    try:
        httpx.get(f"{address}/ping")
    except httpx.ConnectError:
        return True
    except httpx.HTTPError:
        return False
    return False


@pytest.mark.parametrize("workers", ["1", "2"])
def test_what_does_not_drain_in_time_is_cut_short(start: Start, workers: str) -> None:
    """A request that never ends does not keep a deployment waiting; the log says that something was lost."""
    service = start(workers=workers, drain_s="0.2", deadline_s="60")
    with service.client() as client, ThreadPoolExecutor(1) as pool:
        endless = pool.submit(client.post, URL, json={"seeds": ["endless"]})
        with service.client() as watcher:
            until(lambda: value(watcher, "tagsmith_requests_inside") == 1)
        service.process.send_signal(signal.SIGTERM)
        service.wait_for("Cancel 1 running task(s), timeout graceful shutdown exceeded")
        with pytest.raises(httpx.HTTPError):
            endless.result(30).raise_for_status()
    service.ends_with()


def test_workers_end_when_the_one_that_watches_them_is_killed(start: Start) -> None:
    """Nobody is left behind on the port."""
    service = start()
    with service.client():
        until(lambda: len(service.told("ready")) == 2)
    pids = workers_of(service)
    service.process.kill()
    until(lambda: not [pid for pid in pids if Path(f"/proc/{pid}").exists()])


def test_a_bundle_that_is_missing_ends_all_workers_with_the_reason(start: Start) -> None:
    """Exit code 2 and a sentence, as with one process; no restarting for ever."""
    service = start(bundle="nowhere")
    assert service.ends_with() == 2
    assert "tagsmith: nowhere is neither a bundle" in "".join(service.lines)


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="Linux tells which memory is shared")
def test_workers_share_the_mapped_bundle() -> None:
    """The tables lie in memory once: each worker's proportional share of them is about half of what it maps."""
    if not (STARTER / "manifest.json").is_file():
        pytest.skip("there is no starter bundle in this checkout")
    service = Service("tagsmith", {}, "serve", "--bundle", str(STARTER), "--workers", "2")
    try:
        service.client().close()
        until(lambda: len(service.told("ready")) == 2)
        lock = threading.Barrier(8)

        def ask(_: int) -> int:
            lock.wait()
            with service.client() as client:
                return client.post(URL, json={"caption": "Last light at the pier", "seeds": ["sunset"]}).status_code

        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(ask, range(8))) == {200}
        shares = [mapped_bytes(pid) for pid in workers_of(service)]
        assert all(resident > 5_000_000 for resident, _ in shares)
        assert all(proportional < 0.7 * resident for resident, proportional in shares)
    finally:
        service.process.terminate()
    assert service.ends_with() == 0


def mapped_bytes(pid: int) -> tuple[int, int]:
    """Return the resident and the proportional bytes of the starter bundle's files in a process."""
    resident = proportional = 0
    ours = False
    for line in Path(f"/proc/{pid}/smaps").read_text("ascii").splitlines():
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            ours = str(STARTER) in line
        elif ours and line.startswith("Rss:"):
            resident += int(line.split()[1]) * 1024
        elif ours and line.startswith("Pss:"):
            proportional += int(line.split()[1]) * 1024
    return resident, proportional
