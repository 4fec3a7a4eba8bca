"""One bundle at work and the requests that hold it, so that each of them sees one bundle whole."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar

from starlette.types import ASGIApp, Receive, Scope, Send

from service.engine.inference import Inference
from service.engine.loading import Loaded


class Serving:
    """What is loaded, the inference that answers with it, and how many requests hold both; lives on one event loop."""

    def __init__(self, loaded: Loaded, inference: Inference) -> None:
        self.loaded = loaded
        self.inference = inference
        self._n_holders = 0
        self._let_go = asyncio.Event()
        self._let_go.set()

    @property
    def bundle_id(self) -> str:
        """The id that its answers name."""
        return self.loaded.bundle.manifest.bundle_id

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep it for the block, and make it what ``held_here`` returns in the block and the tasks begun there."""
        self._n_holders += 1
        self._let_go.clear()
        token = _HELD.set(self)
        try:
            yield
        finally:
            _HELD.reset(token)
            self._n_holders -= 1
            if self._n_holders == 0:
                self._let_go.set()

    async def close(self) -> None:
        """Wait for the last request that holds it, then end its threads."""
        await self._let_go.wait()
        await self.inference.close()


_HELD: ContextVar[Serving | None] = ContextVar("held", default=None)


def held_here() -> Serving | None:
    """Return what the request at hand holds."""
    return _HELD.get()


class OneBundle:
    """ASGI middleware: a request is answered with the bundle that was served when it came, which ``pinned`` holds."""

    def __init__(self, app: ASGIApp, *, pinned: Callable[[], AbstractContextManager[None]]) -> None:
        self._app = app
        self._pinned = pinned

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with self._pinned():
            await self._app(scope, receive, send)
