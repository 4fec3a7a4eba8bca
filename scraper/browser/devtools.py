"""One tab's DevTools channel: what happens on its network, as it happens, and control over each request.

WebDriver tells neither statuses nor headers nor sizes and cannot refuse a request; the browser's own protocol
(https://chromedevtools.github.io/devtools-protocol/) does both beside it. Nothing here waits without a bound, and
nothing runs by itself: events lie in the socket until they are asked for.
"""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import websocket

from scraper.errors import PageUnreachable

CONNECT_S = 5.0
"""Longest wait for the browser itself, pages apart."""


class CommandRefused(PageUnreachable):
    """The browser answered that it cannot do what it was told."""


@dataclass(frozen=True, slots=True)
class DevToolsEvent:
    """One event.

    Attributes:
        method: its name, such as ``Network.responseReceived``.
        params: what it tells.
    """

    method: str
    params: Mapping[str, Any]


class DevTools:
    """A channel to one tab; raises PageUnreachable when the browser is gone or silent.

    Args:
        port: the browser's local debugging port.
        tab: id of the tab.
        clock: seconds.
    """

    def __init__(self, port: int, tab: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._number = 0
        self._events: deque[DevToolsEvent] = deque()
        try:
            self._socket = websocket.create_connection(
                f"ws://127.0.0.1:{port}/devtools/page/{tab}",
                timeout=CONNECT_S,
                suppress_origin=True,
                http_no_proxy=["127.0.0.1"],
            )
        except (OSError, websocket.WebSocketException) as error:
            raise PageUnreachable("the browser does not accept a connection") from error

    def send(self, method: str, **params: Any) -> int:
        """Send a command without waiting for its reply, and return its number."""
        self._number += 1
        try:
            self._socket.settimeout(CONNECT_S)
            self._socket.send(json.dumps({"id": self._number, "method": method, "params": params}))
        except (OSError, websocket.WebSocketException) as error:
            raise PageUnreachable("the connection to the browser is lost") from error
        return self._number

    def call(self, method: str, *, until: float | None = None, **params: Any) -> Mapping[str, Any]:
        """Send a command and return its reply; events that come first are kept for :meth:`next_event`.

        Args:
            method: the command.
            until: the moment of the clock at which waiting ends; None for ``CONNECT_S`` from now.
            **params: what goes with it.

        Raises:
            CommandRefused: the browser cannot do it.
            PageUnreachable: it does not reply.
        """
        number = self.send(method, **params)
        deadline = self._clock() + CONNECT_S if until is None else until
        while (message := self._receive(deadline)) is not None:
            if message.get("id") == number:
                if "error" in message:
                    raise CommandRefused(f"the browser refuses {method}")
                result: Mapping[str, Any] = message.get("result", {})
                return result
            self._keep(message)
        raise PageUnreachable("the browser is silent")

    def next_event(self, deadline: float) -> DevToolsEvent | None:
        """Return the next event, or None when none comes before the moment ``deadline`` of the clock."""
        while not self._events:
            message = self._receive(deadline)
            if message is None:
                return None
            self._keep(message)
        return self._events.popleft()

    @property
    def socket(self) -> socket.socket:
        """The channel's own socket."""
        assert self._socket.sock is not None, "connected since it was made"
        return self._socket.sock

    def close(self) -> None:
        """Close the channel, whoever else holds it; what the browser still says is not heard."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    def _keep(self, message: Mapping[str, Any]) -> None:
        if "method" in message:
            self._events.append(DevToolsEvent(message["method"], message.get("params", {})))

    def _receive(self, deadline: float) -> Mapping[str, Any] | None:
        # Even when the deadline is past, what already lies in the socket is taken: a zero timeout would not wait.
        self._socket.settimeout(max(deadline - self._clock(), 0.001))
        try:
            raw = self._socket.recv()
        except websocket.WebSocketTimeoutException:
            return None
        except (OSError, websocket.WebSocketException) as error:
            raise PageUnreachable("the browser is gone") from error
        if not raw:
            raise PageUnreachable("the browser is gone")
        message: Mapping[str, Any] = json.loads(raw)
        return message
