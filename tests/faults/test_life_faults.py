"""Processes die, pictures are poisoned, callers are slow, the clock jumps: what is inside is lost, nothing else."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from random import Random

import pytest

from core.bundle.opening import current, open_bundle
from tests.faults.conftest import PICTURE, Report, Start, base_url, feedback_missing, told
from tests.support.fake_bundles import publish_fake
from tests.support.load import FEEDBACK, SUGGEST, Load
from tests.support.service_process import ROOT, Service

PATIENT = {"deadline_s": "120"}
"""A deadline that no machine reaches, however busy: what is tested is that nothing else makes a request fail."""
FAKETIME = next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))), None)


def until(true: Callable[[], bool], within_s: float = 300.0) -> None:
    """Wait for something."""
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def workers_of(service: Service) -> set[int]:
    """Return the process ids of the workers that live."""
    ended = {line["pid"] for line in service.told("worker ended")}
    return {int(line["pid"]) for line in service.told("worker started") if line["pid"] not in ended}


@pytest.mark.parametrize("real", [False, pytest.param(True, marks=pytest.mark.faults)], ids=["fakes", "starter"])
def test_workers_killed_one_after_the_other(start: Start, report: Report, real: bool) -> None:
    """Only what was inside a killed worker fails; each is replaced; no accepted feedback is lost."""
    n_kills = 4 if real else 2
    service = start(real=real, workers="2")
    with Load(base_url(service), n_clients=4) as load:
        until(lambda: len(service.told("ready")) == 2)
        for turn in range(n_kills):
            load.wait_for(10)
            os.kill(min(workers_of(service)), signal.SIGKILL)
            until(lambda turn=turn: len(service.told("ready")) == 3 + turn)  # type: ignore[misc]
        load.wait_for(10)
    broken = {one.result for one in load.outcomes if one.result not in (200, 201, 202)}
    assert broken <= {"ReadError", "RemoteProtocolError", "WriteError"}
    n_broken = sum(1 for one in load.outcomes if one.result in broken)
    assert n_broken <= n_kills * load.n_clients
    assert not feedback_missing(service, load)
    report(
        f"{n_kills} workers killed",
        f"{told(load)}; {n_broken} were inside and broke off; {len(load.acknowledged)} feedback accepted, all found",
    )


@pytest.mark.faults
def test_workers_killed_at_random(start: Start, report: Report, tmp_path: Path) -> None:
    """Any of four, also while it starts, several at once, at moments that nobody chose: what was accepted is there."""
    n_kills, chance = 16, Random(23)
    file = tmp_path / "tagsmith.db"
    service = start(workers="4", database=f"sqlite:///{file}", spool=str(tmp_path / "spool"), **PATIENT)
    with Load(base_url(service), n_clients=6, pause_s=0.0) as load:
        until(lambda: len(service.told("ready")) == 4)
        n_killed = 0
        while n_killed < n_kills:
            time.sleep(chance.uniform(0.0, 1.5))
            alive = sorted(workers_of(service))
            for pid in chance.sample(alive, min(len(alive) - 1, chance.choice((1, 1, 2)))):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    n_killed += 1
        load.wait_for(20, FEEDBACK, 201)
    broken = {one.result for one in load.outcomes if one.result not in (200, 201, 202)}
    assert broken <= {"ReadError", "RemoteProtocolError", "WriteError", "ConnectError"}, told(load)

    def stored() -> set[str]:
        with contextlib.closing(sqlite3.connect(file)) as connection:
            return {row[0] for row in connection.execute("SELECT id FROM feedback")}

    until(lambda: set(load.acknowledged) <= stored(), within_s=90)
    assert len(set(load.acknowledged)) == len(load.acknowledged)
    report(
        f"{n_killed} workers of 4 killed at random",
        f"{told(load)}; {len(load.acknowledged)} feedback accepted, all found",
    )


def test_a_request_that_crashes_its_worker(start: Start, report: Report) -> None:
    """A picture that kills the decoder takes one worker with it; the other answers meanwhile."""
    service = start(workers="2")
    with Load(base_url(service)) as load:
        until(lambda: len(service.told("ready")) == 2)
        with service.client() as client, pytest.raises(Exception, match=r"(?i)disconnect|reset|read"):
            client.post("/v1/suggestions", json={"seeds": ["crash"]})
        assert service.wait_for("worker ended")["signal"] == "SIGSEGV"
        load.wait_for(20)
        until(lambda: len(service.told("ready")) == 3)
    n_broken = sum(1 for one in load.outcomes if isinstance(one.result, str))
    assert n_broken <= load.n_clients
    assert not feedback_missing(service, load)
    report("a request that crashes its worker", f"{told(load)}; {n_broken} neighbours broke off; all feedback found")


@pytest.mark.faults
def test_poisoned_pictures(start: Start, report: Report) -> None:
    """Bombs, cut and mixed-up pictures are each refused as what they are while photographs are answered."""
    service = start(real=True, workers="2", **PATIENT)
    photo = PICTURE.read_bytes()
    poisons = {
        "cut in half": photo[: len(photo) // 2],
        "20,000 x 20,000 in the header": _bmp_header(20_000, 20_000),
        "2 x 2 billion in the header": _bmp_header(2, 2_000_000_000),
        "garbage after the header": photo[:20] + Random(7).randbytes(50_000),
        "bytes flipped": bytes(byte ^ (0x55 if i % 97 == 0 else 0) for i, byte in enumerate(photo)),
        "SVG": b"<svg xmlns='http://www.w3.org/2000/svg'><rect width='9' height='9'/></svg>",
        "empty": b"\x00",
    }
    answers: dict[str, set[int]] = {name: set() for name in poisons}
    with Load(base_url(service), picture=photo) as load, service.client() as client:
        load.wait_for(5)
        for _ in range(10):
            for name, poison in poisons.items():
                answers[name].add(client.post("/v1/suggestions", files={"image": ("a.jpg", poison)}).status_code)
        load.wait_for(5)
    # Too many pixels are refused as such, from the header alone; all else cannot be read.
    assert answers == {name: {413 if "in the header" in name else 422} for name in poisons}
    assert set(load.counts(SUGGEST)) == {200}
    assert not service.told("worker ended")
    assert not feedback_missing(service, load)
    refused = ", ".join(f"{name} {status}" for name, (status,) in answers.items())
    report(
        "poisoned pictures",
        f"each 10 times: {refused}; meanwhile {told(load)}; {len(load.acknowledged)} feedback accepted, all found",
    )


@pytest.mark.faults
def test_slow_clients(start: Start, report: Report) -> None:
    """Hundreds that trickle headers, bodies or take no answers: others are served, and the slow ones are cut."""
    service = start(real=True)
    url = base_url(service)
    host, port = url.removeprefix("http://").split(":")
    request = b"POST /v1/suggestions HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\nContent-Length: 90\r\n"
    asking = b"GET /openapi.json HTTP/1.1\r\nHost: t\r\n\r\n"
    with ExitStack() as stack, Load(url) as load:
        load.wait_for(10)
        before = load.now
        slow: dict[socket.socket, bytes] = {}
        for number in range(300):
            one = stack.enter_context(socket.socket())
            if number % 3 == 2:  # must be set before it connects: an answer has nowhere to go
                one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            one.connect((host, int(port)))
            head = (request[:40], request + b"\r\n{", asking * 20)[number % 3]
            one.sendall(head)
            one.setblocking(False)
            slow[one] = (b"x", b" ", b"")[number % 3]
        cut_at: dict[socket.socket, float] = {}
        while len(cut_at) < len(slow) and load.now - before < 120:
            for one, byte in slow.items():
                if one not in cut_at and _is_cut(one, byte):
                    cut_at[one] = load.now - before
            time.sleep(0.5)
        after = load.now
    assert set(load.counts(SUGGEST)) == {200}
    assert len(cut_at) == len(slow)
    assert not feedback_missing(service, load)
    report(
        "slow clients",
        f"100 slow headers, 100 slow bodies and 100 that read nothing, all cut after {max(cut_at.values()):.0f} s at"
        f" most; meanwhile {told(load, before, after)}; {len(load.acknowledged)} feedback accepted, all found",
    )


def _is_cut(connection: socket.socket, byte: bytes) -> bool:
    """Return whether the other side gave up on a connection, after sending it one byte more."""
    try:
        if byte:
            connection.send(byte)
            return connection.recv(65_536) == b""
        return connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0 or connection.send(b"G") == 0
    except BlockingIOError:
        return False
    except OSError:
        return True


def _bmp_header(width: int, height: int) -> bytes:
    info = (
        (40).to_bytes(4, "little") + width.to_bytes(4, "little") + height.to_bytes(4, "little") + bytes([1, 0, 24, 0])
    )
    return b"BM" + (54).to_bytes(4, "little") + bytes(4) + (54).to_bytes(4, "little") + info + bytes(24)


@pytest.mark.faults
def test_the_clock_jumps(start: Start, report: Report, tmp_path: Path) -> None:
    """Days forward and back: deadlines, queues and rates go on by what passes, and nothing is refused for it."""
    if FAKETIME is None:
        pytest.skip("SKIPPED, NOT RUN: libfaketime is not installed (Debian: libfaketime)")
    clock = tmp_path / "clock"

    def set_clock(offset: str) -> None:
        aside = tmp_path / "clock.new"
        aside.write_text(f"{offset}\n", "ascii")
        aside.replace(clock)  # never seen empty, which would be a time of its own

    set_clock("+0")
    environment = {
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    service = start(environment=environment, workers="2", **PATIENT)
    jumps = ["+1d", "-1d", "+400d", "+0"]
    with Load(base_url(service)) as load:
        for jump in jumps:
            load.wait_for(10, FEEDBACK, 201)
            set_clock(jump)
            load.wait_for(20)
            load.wait_for(5, FEEDBACK, 201)
    times = [line["time"] for line in service.told("request")]
    assert len({time[:10] for time in times}) >= 3, "the clock did not jump"
    assert set(load.counts(SUGGEST)) == {200}
    # 202: the library that fakes the clock slows all down so much that a file's lock is not had in time.
    assert set(load.counts(FEEDBACK)) <= {201, 202}, told(load)
    assert not feedback_missing(service, load)
    report(
        "the clock jumps",
        f"{', '.join(jumps)}: {told(load)}; {len(load.acknowledged)} feedback accepted, all found",
    )


@pytest.mark.parametrize("n_kills", [3, pytest.param(25, marks=pytest.mark.faults)])
def test_killed_while_publishing(start: Start, tmp_path: Path, report: Report, n_kills: int) -> None:
    """At whatever moment: the store's current bundle is whole, and a service that follows it never stumbles."""
    store = tmp_path / "store"
    publish_fake(store, "first")
    service = start(bundle=str(store), follow_s="0.05")
    code = "import sys; from pathlib import Path; from tests.support.fake_bundles import publish_fake\n" + (
        "print(flush=True)\nfor turn in range(10**6): publish_fake(Path(sys.argv[1]), f'{sys.argv[2]}-{turn}x')"
    )
    with Load(base_url(service)) as load:
        for turn in range(n_kills):
            publisher = subprocess.Popen(
                [sys.executable, "-c", code, str(store), f"run{turn}"], cwd=ROOT, stdout=subprocess.PIPE
            )
            assert publisher.stdout is not None
            publisher.stdout.readline()
            time.sleep(0.02 + 0.0137 * turn)
            publisher.kill()
            publisher.wait()
            publisher.stdout.close()
            open_bundle(current(store))
        load.wait_for(20)
    assert set(load.counts(SUGGEST)) == {200}
    assert not service.told("bundle refused")
    assert not feedback_missing(service, load)
    n_taken = len(service.told("bundle taken"))
    report(
        f"{n_kills} x killed while publishing",
        f"{told(load)}; {n_taken} bundles taken, none refused; feedback: all found",
    )
