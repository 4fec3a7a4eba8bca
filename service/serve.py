"""Runs the service in this process until it is told to stop."""

from __future__ import annotations

import contextlib
import signal
import socket
from collections.abc import Iterator
from types import FrameType

import uvicorn

from core.errors import InvalidOption, NotReady, TagsmithError
from service.app import create_app
from service.loading import load
from service.logs import configure, log
from service.settings import PREFIX, Settings, is_loopback, refuse_open_door
from service.state import Load, State

BACKLOG = 512
KEEP_ALIVE_S = 75
DRAIN_SLACK_S = 5


def serve(settings: Settings, *, load: Load = load) -> None:
    """Answer requests until SIGTERM or SIGINT; then finish those that are inside and return.

    Raises:
        InvalidOption: the address may not or cannot be bound.
        TagsmithError: the bundle cannot be served.
    """
    refuse_open_door(settings)
    configure(settings.log_level)
    listener = bind(settings.host, settings.port)
    app = create_app(settings, load=load)
    service: State = app.state.service
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="on",
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=int(settings.deadline_s) + DRAIN_SLACK_S,
    )
    server = _DrainingServer(config, service)
    service.on_failure = server.stop
    _announce(settings, listener)
    with _signals_end_quietly():
        server.run(sockets=[listener])
    log("stopped")
    if service.failure is not None:
        raise _fit_for_people(service.failure)


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
    """Tells the service that it drains in the moment that the signal comes."""

    def __init__(self, config: uvicorn.Config, service: State) -> None:
        super().__init__(config)
        self._service = service

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._service.drain()
        super().handle_exit(sig, frame)

    def stop(self) -> None:
        self.should_exit = True


@contextlib.contextmanager
def _signals_end_quietly() -> Iterator[None]:
    """Let a signal that ended the server end it with success: uvicorn raises it again once it has drained."""
    seen = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in seen.items():
            signal.signal(number, handler)


def _announce(settings: Settings, listener: socket.socket) -> None:
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    reach = "on loopback only" if is_loopback(settings.host) else f"to anyone ({PREFIX}ALLOW_ANONYMOUS=1)"
    log("listening", url=f"http://{shown}:{port}", access=f"no key is configured: answering {reach}")


def _fit_for_people(failure: Exception) -> TagsmithError:
    if isinstance(failure, TagsmithError):
        return failure
    return NotReady(f"the bundle could not be loaded ({type(failure).__name__}); the log says where")
