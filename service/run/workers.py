"""Several processes that answer on one socket, and the one that watches over them.

Workers are spawned, not forked: threads of the network's runtime do not survive a fork. What they share is the bundle,
whose tables are mapped from the same files. The watcher answers nothing itself, so it has nothing that can crash it.
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
from service.settings import Settings, metrics_folder, metrics_kept_in

SHORTEST_LIFE_S = 5.0
MAX_PAUSE_S = 30.0
LAST_WORDS_S = 5.0
READY = "ready"
UNUSABLE = 2

SPAWN = get_context("spawn")
allow_connection_pickling()


@dataclass(frozen=True, slots=True)
class Worker:
    """What one worker is told; it travels to the new process.

    Attributes:
        first: whether it starts with the service: then what it cannot reach ends the service with the reason.
    """

    settings: Settings
    listener: socket.socket
    load: Load
    first: bool = True


@dataclass(slots=True)
class _Place:
    """One of the workers' places, and who has it."""

    number: int
    process: SpawnProcess | None = None
    line: Connection | None = None
    is_ready: bool = False
    last_words: str | None = None
    started: float = 0.0
    pause_s: float = 0.0
    not_before: float = 0.0


def supervise(worker: Worker, n_workers: int, drain_s: float) -> TagsmithError | None:
    """Keep ``n_workers`` processes answering until SIGTERM or SIGINT; return why none could.

    A worker that ends by itself is replaced: at once after a life, after a growing pause when it does not get ready.
    """
    places = [_Place(number) for number in range(n_workers)]
    with _metrics_folder() as metrics, _stop_signal() as (stopping, woken):
        for place in places:
            _fill(place, worker)
        failure: TagsmithError | None = None
        while not stopping() and failure is None:
            lines = [place.line for place in places if place.line is not None]
            wait([*lines, *(place.process.sentinel for place in places if place.process is not None), woken], 0.5)
            for place in places:
                failure = failure or _look_after(place, worker, metrics)
        # Held open here, it would go on to take connections that no worker answers.
        worker.listener.close()
        _end(places, drain_s)
    return failure


def _fill(place: _Place, worker: Worker) -> None:
    ours, theirs = SPAWN.Pipe()
    place.process = SPAWN.Process(target=run_worker, args=(worker, theirs), name=f"tagsmith-worker-{place.number}")
    place.process.start()
    theirs.close()
    place.line, place.is_ready, place.last_words, place.started = ours, False, None, time.monotonic()
    log("worker started", worker=place.number, pid=place.process.pid)


def _look_after(place: _Place, worker: Worker, metrics: Path) -> TagsmithError | None:
    """Hear what a worker says and replace one that is gone; return why the service cannot start."""
    if place.process is None:
        if time.monotonic() >= place.not_before:
            _fill(place, replace(worker, first=False))
        return None
    _hear(place)
    if place.process.is_alive():
        return None
    _hear(place)
    _forget(place, metrics)
    if place.last_words is not None and place.not_before == 0.0:
        return NotReady(place.last_words)
    lived_s = time.monotonic() - place.started
    if not place.is_ready or lived_s < SHORTEST_LIFE_S:
        place.pause_s = min(MAX_PAUSE_S, max(1.0, 2 * place.pause_s))
    place.not_before = time.monotonic() + place.pause_s
    return None


def _hear(place: _Place) -> None:
    """Note what a worker said: that it is ready, or why it will not be."""
    try:
        while place.line is not None and place.line.poll():
            told = place.line.recv()
            if told == READY:
                place.is_ready, place.pause_s = True, 0.0
            else:
                place.last_words = str(told)
    except (EOFError, OSError):
        place.line = None


def _forget(place: _Place, metrics: Path) -> None:
    """Take a dead worker off the books; its counters stay counted."""
    assert place.process is not None
    process = place.process
    process.join()
    code = process.exitcode or 0
    ended_by = {"signal": signal.Signals(-code).name} if code < 0 else {"exit_code": code}
    log("worker ended", worker=place.number, pid=process.pid, **ended_by)
    for gauge in metrics.glob(f"gauge_live*_{process.pid}.db"):
        gauge.unlink(missing_ok=True)
    process.close()
    if place.line is not None:
        place.line.close()
    place.process = place.line = None


def _end(places: list[_Place], drain_s: float) -> None:
    """Have every worker finish what is inside; end those that do not in time."""
    processes = [place.process for place in places if place.process is not None]
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + drain_s + LAST_WORDS_S
    for process in processes:
        process.join(max(0.0, deadline - time.monotonic()))
        if process.is_alive():
            log("cut short", pid=process.pid, drain_s=drain_s)
            process.kill()
            process.join()


@contextmanager
def _metrics_folder() -> Iterator[Path]:
    """Yield a new folder that the workers write their counts to."""
    folder = tempfile.mkdtemp(prefix="tagsmith-metrics-")
    try:
        with metrics_kept_in(folder):
            yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _stop_signal() -> Iterator[tuple[Callable[[], bool], socket.socket]]:
    """Yield whether SIGTERM or SIGINT came, and a socket that can be read once one did."""
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


def run_worker(worker: Worker, line: Connection) -> None:
    """Answer requests in this process; say on ``line`` when ready or why not, and end when the watcher is gone."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(0))  # nothing is inside yet
    configure(worker.settings.log_level)
    threading.Thread(target=_outlive_nobody, args=(line,), name="watcher", daemon=True).start()
    metrics = Metrics(metrics_folder())
    if not worker.first:
        metrics.replaced()
    try:
        failure = answer(
            worker.settings,
            worker.listener,
            worker.load,
            metrics,
            on_ready=lambda: line.send(READY),
            opens_when_ready=True,
        )
    except TagsmithError as error:
        failure = error
    if failure is not None:
        line.send(str(failure))
    sys.stderr.flush()
    os._exit(0 if failure is None else UNUSABLE)  # taking the interpreter apart takes seconds and serves nobody


def _outlive_nobody(line: Connection) -> None:
    """Drain and end when the watcher ends without a word: nobody else would."""
    try:
        line.recv()
    except (EOFError, OSError):
        os.kill(os.getpid(), signal.SIGTERM)
