"""Runs the service until it is told to stop: in this process, or in workers that this process watches over."""

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

from core.errors import InvalidOption, NotReady, TagsmithError
from service.app import create_app
from service.connections import GuardedProtocol
from service.loading import load
from service.logs import configure, log
from service.metrics import Metrics
from service.settings import PREFIX, Settings, is_loopback, refuse_open_door
from service.state import Load, State
from service.store.startup import prepare_store
from service.workers import Worker, supervise

BACKLOG = 512
KEEP_ALIVE_S = 75
CUT_SHORT = 1
"""The exit code of a process that had to leave requests unanswered."""
LAST_WORDS_S = 2.0


def serve(settings: Settings, *, load: Load = load) -> None:
    """Answer requests until SIGTERM or SIGINT; then finish those that are inside and return.

    Raises:
        InvalidOption: the address may not or cannot be bound.
        TagsmithError: what is to be served cannot be.
    """
    has_keys = prepare_store(settings)
    refuse_open_door(settings, has_keys=has_keys)
    configure(settings.log_level)
    listener = bind(settings.host, settings.port)
    _announce(settings, listener, has_keys=has_keys)
    if settings.workers == 1:
        failure = answer(settings, listener, load, Metrics())
    else:
        failure = supervise(Worker(_shared_out(settings), listener, load), settings.workers, settings.drain_s)
    log("stopped")
    if failure is not None:
        raise failure


def answer(
    settings: Settings,
    listener: socket.socket,
    load: Load,
    metrics: Metrics,
    *,
    on_ready: Callable[[], None] = lambda: None,
    opens_when_ready: bool = False,
) -> TagsmithError | None:
    """Answer requests in this process until a signal; return why it could not, fit to be shown."""
    app = create_app(settings, load=load, metrics=metrics)
    app.state.opens_when_ready = opens_when_ready
    service: State = app.state.service
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="on",
        http=GuardedProtocol,
        ws="none",
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=max(1, int(settings.drain_s)),
    )
    server = _DrainingServer(config, service, settings.drain_s)
    service.on_ready, service.on_failure = on_ready, server.stop
    with _signals_end_quietly():
        server.run(sockets=[listener])
    return None if service.failure is None else _fit_for_people(service.failure)


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket.

    Raises:
        InvalidOption: the port is taken, not allowed, or the address is not this machine's.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise InvalidOption(f"cannot listen on {host}: {error.strerror}; give another --host", field="host") from error
    try:
        # A restart must not wait for connections of the last run to be forgotten.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise InvalidOption(
            f"cannot listen on {host} port {port}: {error.strerror}; choose another with --port or {PREFIX}PORT",
            field="port",
        ) from error
    return listener


class _DrainingServer(uvicorn.Server):
    """Tells the service that it drains in the moment that the signal comes, and ends the process in time."""

    def __init__(self, config: uvicorn.Config, service: State, drain_s: float) -> None:
        super().__init__(config)
        self._service = service
        self._drain_s = drain_s
        self._stopping = threading.Event()
        # Begun here: a signal handler may not start threads, the code that it interrupts may be doing just that.
        threading.Thread(target=self._end_in_time, name="drain", daemon=True).start()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._stopping.set()
        self._service.drain()
        super().handle_exit(sig, frame)

    def stop(self) -> None:
        self.should_exit = True

    def _end_in_time(self) -> None:
        """End the process when something inside does not let go, such as a thread that never returns."""
        self._stopping.wait()
        time.sleep(self._drain_s + LAST_WORDS_S)
        log("cut short", drain_s=self._drain_s)
        os._exit(CUT_SHORT)


@contextlib.contextmanager
def _signals_end_quietly() -> Iterator[None]:
    """Let a signal that ended the server end it with success: uvicorn raises it again once it has drained."""
    seen = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in seen.items():
            signal.signal(number, handler)


def _shared_out(settings: Settings) -> Settings:
    """Return the settings of one worker: unless told otherwise it takes its share of the cores."""
    threads = settings.threads or max(1, len(os.sched_getaffinity(0)) // settings.workers)
    return settings.model_copy(update={"threads": threads})


def _announce(settings: Settings, listener: socket.socket, *, has_keys: bool) -> None:
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    reach = "on loopback only" if is_loopback(settings.host) else f"to anyone ({PREFIX}ALLOW_ANONYMOUS=1)"
    access = "answering those who have a key" if has_keys else f"no key is configured: answering {reach}"
    log("listening", url=f"http://{shown}:{port}", access=access)


def _fit_for_people(failure: Exception) -> TagsmithError:
    if isinstance(failure, TagsmithError):
        return failure
    return NotReady(f"the bundle could not be loaded ({type(failure).__name__}); the log says where")
