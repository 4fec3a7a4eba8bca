"""Runs the service until it is told to stop: in this process, or in workers that this process supervises."""

from __future__ import annotations

import logging
import os
import socket

from core.errors import InvalidOption
from service.engine.lifecycle import Load
from service.engine.loading import load
from service.engine.trial import TriedLoad
from service.observe.logs import configure, log
from service.observe.metrics import Metrics
from service.run.process import answer
from service.run.workers import Worker, supervise
from service.settings import PREFIX, Settings, is_loopback, refuse_open_door, unknown_variables
from service.store.repositories import prepare_store

BACKLOG = 512


def serve(settings: Settings, *, load: Load = load) -> None:
    """Answer requests until SIGTERM or SIGINT; then finish those in progress and return.

    Raises:
        InvalidOption: the service may not or cannot listen on the address.
        TagsmithError: what the settings name cannot be served.
    """
    configure(settings.log_level)
    for variable, nearest in unknown_variables().items():
        log("unknown setting", level=logging.WARNING, variable=variable, nearest=nearest)
    has_keys = prepare_store(settings)
    refuse_open_door(settings, has_keys=has_keys)
    load = TriedLoad(load)
    listener = bind(settings.host, settings.port)
    _announce(settings, listener, has_keys=has_keys)
    if settings.workers == 1:
        failure = answer(settings, listener, load, Metrics())
    else:
        failure = supervise(Worker(_for_worker(settings), listener, load), settings.workers, settings.drain_s)
    log("stopped")
    if failure is not None:
        raise failure


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket.

    Raises:
        InvalidOption: the port is taken or not allowed, or the address is not this machine's.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise InvalidOption(f"cannot listen on {host} ({error.strerror}): give another --host", field="host") from error
    try:
        # Otherwise a restart would have to wait until connections of the last run have expired.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise InvalidOption(
            f"cannot listen on {host} port {port} ({error.strerror}): choose another with --port or {PREFIX}PORT",
            field="port",
        ) from error
    return listener


def _for_worker(settings: Settings) -> Settings:
    """Return the settings of one worker: by default it gets its share of the cores."""
    threads = settings.threads or max(1, len(os.sched_getaffinity(0)) // settings.workers)
    return settings.model_copy(update={"threads": threads})


def _announce(settings: Settings, listener: socket.socket, *, has_keys: bool) -> None:
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    reach = "on loopback only" if is_loopback(settings.host) else f"to anyone ({PREFIX}ALLOW_ANONYMOUS=1)"
    access = "answering those who have a key" if has_keys else f"no key is configured: answering {reach}"
    log("listening", url=f"http://{shown}:{port}", access=access)
