"""Where the service stands: loading, ready, failed or draining; and what it serves once it is ready."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from core.errors import NotReady
from service.desk import Desk
from service.loading import Loaded, warm_up
from service.logs import LOGGER, log
from service.metrics import Metrics
from service.settings import Settings

Load = Callable[[Settings], Loaded]


class State:
    """Loads in the background, so that /ping answers from the first moment; lives on one event loop."""

    def __init__(self, settings: Settings, load: Load, metrics: Metrics) -> None:
        self._settings = settings
        self._load = load
        self._metrics = metrics
        self._loaded: Loaded | None = None
        self._desk: Desk | None = None
        self._loading: asyncio.Task[None] | None = None
        self._draining = False
        self.failure: Exception | None = None
        self.on_failure: Callable[[], None] = lambda: None

    @property
    def loaded(self) -> Loaded:
        """What is served.

        Raises:
            NotReady: nothing yet.
        """
        if self._loaded is None:
            raise NotReady(self._why_not() or "No bundle is loaded yet.", retry_after_s=1.0)
        return self._loaded

    @property
    def desk(self) -> Desk:
        """Where requests are answered.

        Raises:
            NotReady: nothing is loaded yet, or the service is draining.
        """
        why_not = self._why_not()
        if self._desk is None or why_not:
            raise NotReady(why_not or "No bundle is loaded yet.", retry_after_s=1.0)
        return self._desk

    def begin(self) -> None:
        """Start to load."""
        self._loading = asyncio.get_running_loop().create_task(self._open())

    def drain(self) -> None:
        """Let nothing more in; what is inside is answered."""
        self._draining = True
        self._metrics.set_ready(False)

    async def end(self) -> None:
        """Answer what is inside and let everything go."""
        self.drain()
        if self._loading is not None:
            await self._loading
        if self._desk is not None:
            await self._desk.close()

    def _why_not(self) -> str | None:
        if self._draining:
            return "The service is shutting down."
        return None if self.failure is None else "The bundle could not be loaded; the log says why."

    async def _open(self) -> None:
        try:
            loaded = await asyncio.to_thread(self._load, self._settings)
            await asyncio.to_thread(warm_up, loaded)
        except Exception as error:
            self.failure = error
            LOGGER.error("bundle not loaded", exc_info=error)
            self.on_failure()
            return
        desk = Desk(loaded.classifier, loaded.recommender, settings=self._settings, metrics=self._metrics)
        desk.start()
        self._loaded, self._desk = loaded, desk
        self._metrics.serving(loaded.bundle.manifest.bundle_id)
        self._metrics.set_ready(not self._draining)
        log("ready", bundle=loaded.bundle.manifest.bundle_id)
