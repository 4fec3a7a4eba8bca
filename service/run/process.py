"""One process that answers requests on a socket until a signal; then it answers those in progress and ends."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

import uvicorn

from core.errors import NotReady, TagsmithError
from service.app import create_app
from service.context import parts_of
from service.engine.lifecycle import Lifecycle, Load
from service.observe.logs import log
from service.observe.metrics import Metrics
from service.protocol.connections import GuardedProtocol, room_for_connections
from service.settings import Settings

KEEP_ALIVE_S = 75
CUT_SHORT = 1
"""The exit code of a process that had to leave requests unanswered."""
CLOSING_S = 2.0
"""How much longer than ``drain_s`` the process may take to end."""


def answer(
    settings: Settings,
    listener: socket.socket,
    load: Load,
    metrics: Metrics,
    *,
    on_ready: Callable[[], None] = lambda: None,
    opens_when_ready: bool = False,
) -> TagsmithError | None:
    """Answer requests in this process until a signal; return why it could not, as an error to show to the operator."""
    app = create_app(settings, load=load, metrics=metrics, opens_when_ready=opens_when_ready)
    lifecycle = parts_of(app).lifecycle
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="on",
        http=type("Connection", (GuardedProtocol,), {"max_connections": room_for_connections()}),
        ws="none",
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=max(1, int(settings.drain_s)),
    )
    server = _DrainingServer(config, lifecycle, settings.drain_s)
    lifecycle.on_ready, lifecycle.on_failure = on_ready, server.stop
    with _signals_end_quietly():
        server.run(sockets=[listener])
    return None if lifecycle.failure is None else _as_shown(lifecycle.failure)


class _DrainingServer(uvicorn.Server):
    """Drains the service as soon as the signal comes, and ends the process in time."""

    def __init__(self, config: uvicorn.Config, lifecycle: Lifecycle, drain_s: float) -> None:
        super().__init__(config)
        self._lifecycle = lifecycle
        self._drain_s = drain_s
        self._stopping = threading.Event()
        # Started here: a signal handler may not start a thread, as the code that it interrupts may be doing just that.
        threading.Thread(target=self._end_in_time, name="drain", daemon=True).start()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._stopping.set()
        self._lifecycle.drain()
        super().handle_exit(sig, frame)

    def stop(self) -> None:
        self.should_exit = True

    def _end_in_time(self) -> None:
        """End the process even when something in it does not end, such as a thread that never returns."""
        self._stopping.wait()
        time.sleep(self._drain_s + CLOSING_S)
        log("cut short", drain_s=self._drain_s)
        os._exit(CUT_SHORT)


@contextlib.contextmanager
def _signals_end_quietly() -> Iterator[None]:
    """Let a signal end the process with success: uvicorn raises it again once it has drained."""
    seen = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in seen.items():
            signal.signal(number, handler)


def _as_shown(failure: Exception) -> TagsmithError:
    if isinstance(failure, TagsmithError):
        return failure
    return NotReady(f"the bundle could not be loaded ({type(failure).__name__}): see the log for where")
