"""Several worker processes that answer on one socket, and the process that supervises them.

Workers are spawned, not forked: threads of the network's runtime do not survive a fork. They share the bundle, whose
tables are mapped from the same files. The supervisor answers no requests, so no request can crash it.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import allow_connection_pickling, get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

from core.errors import NotReady, TagsmithError
from service.engine.lifecycle import Load
from service.observe.logs import configure, log
from service.observe.metrics import Metrics
from service.run.process import answer
from service.settings import Settings, metrics_folder, metrics_shared_in

SHORTEST_LIFE_S = 5.0
MAX_PAUSE_S = 30.0
CLOSING_S = 5.0
READY = "ready"
UNUSABLE = 2

SPAWN = get_context("spawn")
allow_connection_pickling()


@dataclass(frozen=True, slots=True)
class Worker:
    """What one worker is given; it is sent to the new process.

    Attributes:
        settings: of the service.
        listener: the socket that all workers accept connections on.
        load: opens what is served.
        first: whether it starts with the service; what keeps it from starting then ends the service.
    """

    settings: Settings
    listener: socket.socket
    load: Load
    first: bool = True


@dataclass(slots=True)
class _Slot:
    """One of the ``n_workers`` slots and the process in it.

    Attributes:
        pipe: on which the worker says that it is ready, or why it will not be.
        pause_s: how long to wait before the next process is started here.
        not_before: when it may be, by ``time.monotonic``.
    """

    number: int
    process: SpawnProcess | None = None
    pipe: Connection | None = None
    is_ready: bool = False
    reason: str | None = None
    started: float = 0.0
    pause_s: float = 0.0
    not_before: float = 0.0


def supervise(worker: Worker, n_workers: int, drain_s: float) -> TagsmithError | None:
    """Keep ``n_workers`` processes answering until SIGTERM or SIGINT; return why none could.

    A worker that ends by itself is replaced: at once if it has answered for a while, otherwise after a growing pause.
    """
    slots = [_Slot(number) for number in range(n_workers)]
    with _metrics_folder() as metrics, _stop_signal() as (stopping, woken):
        for slot in slots:
            _start_worker(slot, worker)
        failure: TagsmithError | None = None
        while not stopping() and failure is None:
            pipes = [slot.pipe for slot in slots if slot.pipe is not None]
            wait([*pipes, *(slot.process.sentinel for slot in slots if slot.process is not None), woken], 0.5)
            for slot in slots:
                failure = failure or _replace_if_dead(slot, worker, metrics)
        # Left open here, it would go on accepting connections that no worker answers.
        worker.listener.close()
        _end(slots, drain_s)
    return failure


def _start_worker(slot: _Slot, worker: Worker) -> None:
    ours, theirs = SPAWN.Pipe()
    slot.process = SPAWN.Process(target=run_worker, args=(worker, theirs), name=f"tagsmith-worker-{slot.number}")
    slot.process.start()
    theirs.close()
    slot.pipe, slot.is_ready, slot.reason, slot.started = ours, False, None, time.monotonic()
    log("worker started", worker=slot.number, pid=slot.process.pid)


def _replace_if_dead(slot: _Slot, worker: Worker, metrics: Path) -> TagsmithError | None:
    """Read what a worker says and replace one that has ended; return why the service cannot start."""
    if slot.process is None:
        if time.monotonic() >= slot.not_before:
            _start_worker(slot, replace(worker, first=False))
        return None
    _read_messages(slot)
    if slot.process.is_alive():
        return None
    _read_messages(slot)
    _clean_up(slot, metrics)
    if slot.reason is not None and slot.not_before == 0.0:
        return NotReady(slot.reason)
    lived_s = time.monotonic() - slot.started
    if not slot.is_ready or lived_s < SHORTEST_LIFE_S:
        slot.pause_s = min(MAX_PAUSE_S, max(1.0, 2 * slot.pause_s))
    slot.not_before = time.monotonic() + slot.pause_s
    return None


def _read_messages(slot: _Slot) -> None:
    """Note what a worker said: that it is ready, or why it will not be."""
    try:
        while slot.pipe is not None and slot.pipe.poll():
            told = slot.pipe.recv()
            if told == READY:
                slot.is_ready, slot.pause_s = True, 0.0
            else:
                slot.reason = str(told)
    except (EOFError, OSError):
        slot.pipe = None


def _clean_up(slot: _Slot, metrics: Path) -> None:
    """Clean up after a dead worker; its counters stay in the metrics, its gauges go."""
    assert slot.process is not None
    process = slot.process
    process.join()
    code = process.exitcode or 0
    ended_by = {"signal": signal.Signals(-code).name} if code < 0 else {"exit_code": code}
    log("worker ended", worker=slot.number, pid=process.pid, **ended_by)
    for gauge in metrics.glob(f"gauge_live*_{process.pid}.db"):
        gauge.unlink(missing_ok=True)
    process.close()
    if slot.pipe is not None:
        slot.pipe.close()
    slot.process = slot.pipe = None


def _end(slots: list[_Slot], drain_s: float) -> None:
    """Have every worker finish the requests in progress; kill those that do not end in time."""
    processes = [slot.process for slot in slots if slot.process is not None]
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + drain_s + CLOSING_S
    for process in processes:
        process.join(max(0.0, deadline - time.monotonic()))
        if process.is_alive():
            log("cut short", pid=process.pid, drain_s=drain_s)
            process.kill()
            process.join()


@contextmanager
def _metrics_folder() -> Iterator[Path]:
    """Yield a new folder for the workers' metrics; it is deleted afterwards."""
    folder = tempfile.mkdtemp(prefix="tagsmith-metrics-")
    try:
        with metrics_shared_in(folder):
            yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _stop_signal() -> Iterator[tuple[Callable[[], bool], socket.socket]]:
    """Yield a function that tells whether SIGTERM or SIGINT came, and a socket that can be read once one did."""
    came = threading.Event()
    woken, waker = socket.socketpair()
    waker.setblocking(False)

    def note(*_: object) -> None:
        came.set()

    before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    wakeup = signal.set_wakeup_fd(waker.fileno())
    try:
        yield came.is_set, woken
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in before.items():
            signal.signal(number, handler)
        woken.close()
        waker.close()


def run_worker(worker: Worker, pipe: Connection) -> None:
    """Answer requests in this process; say on ``pipe`` when it is ready or why it is not; end with the supervisor."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(0))  # no request is in progress yet
    configure(worker.settings.log_level)
    threading.Thread(target=_end_with_supervisor, args=(pipe,), name="supervisor", daemon=True).start()
    metrics = Metrics(metrics_folder())
    if not worker.first:
        metrics.replaced()
    try:
        failure = answer(
            worker.settings,
            worker.listener,
            worker.load,
            metrics,
            on_ready=lambda: pipe.send(READY),
            opens_when_ready=True,
        )
    except TagsmithError as error:
        failure = error
    if failure is not None:
        pipe.send(str(failure))
    sys.stderr.flush()
    os._exit(0 if failure is None else UNUSABLE)  # finalising the interpreter takes seconds for nothing


def _end_with_supervisor(pipe: Connection) -> None:
    """Drain and end when the supervisor is gone: nobody else would end this process."""
    try:
        pipe.recv()
    except (EOFError, OSError):
        os.kill(os.getpid(), signal.SIGTERM)
