"""The service's life: loading, ready, failed or draining; which bundle it serves, and how the next one replaces it.

The pointer in the folder of bundles is polled, rather than a signal awaited: a look costs one small read and needs no
process id, and all workers and replicas that share the folder see a change, each by itself.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from core.bundle.opening import pointer_mark, previous
from core.errors import BundleError, BundleMissing, NotReady, TagsmithError
from core.freed_memory import give_freed_memory_back
from service.engine.batcher import MIN_RETRY_S, SHUTTING_DOWN
from service.engine.inference import Inference
from service.engine.loading import Loaded, warm_up
from service.engine.memory import private_bytes
from service.observe.logs import LOGGER, log
from service.observe.metrics import Metrics
from service.settings import Settings

Load = Callable[[Settings], Loaded]
REFUSED = "bundle_refused"


class ServedBundle:
    """A loaded bundle, the inference that answers with it, and how many requests hold them; lives on one event loop."""

    def __init__(self, loaded: Loaded, inference: Inference) -> None:
        self.loaded = loaded
        self.inference = inference
        self._n_holders = 0
        self._let_go = asyncio.Event()
        self._let_go.set()

    @property
    def bundle_id(self) -> str:
        """The bundle id that answers name."""
        return self.loaded.bundle.manifest.bundle_id

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep it from being closed while the block runs."""
        self._n_holders += 1
        self._let_go.clear()
        try:
            yield
        finally:
            self._n_holders -= 1
            if self._n_holders == 0:
                self._let_go.set()

    async def close(self) -> None:
        """Wait until no request holds it, then end its threads."""
        await self._let_go.wait()
        await self.inference.close()


class Lifecycle:
    """Loads a bundle while /ping answers already, then follows the pointer; lives on one event loop.

    Attributes:
        failure: why no bundle could be loaded.
        concerns: what an operator should look at while the service answers, for /ready: detail by code.
        on_ready: called once the first bundle is served.
        on_failure: called when none can be served.
    """

    def __init__(self, settings: Settings, load: Load, metrics: Metrics) -> None:
        self._settings = settings
        self._load = load
        self._metrics = metrics
        self._serving: ServedBundle | None = None
        self._retiring: set[asyncio.Task[None]] = set()
        self._life: asyncio.Task[None] | None = None
        self._ending = asyncio.Event()
        self._settled = asyncio.Event()
        self._draining = False
        self.failure: Exception | None = None
        self.concerns: dict[str, str] = {}
        self.on_ready: Callable[[], None] = lambda: None
        self.on_failure: Callable[[], None] = lambda: None

    def loaded(self, held: ServedBundle | None = None) -> Loaded:
        """Return the bundle that look-ups are answered with: that of ``held``, else what is served now.

        Raises:
            NotReady: nothing is loaded yet.
        """
        serving = held or self._serving
        if serving is None:
            raise self._not_ready()
        return serving.loaded

    def serving(self, held: ServedBundle | None = None) -> ServedBundle:
        """Return what suggestions are answered with: ``held``, else what is served now.

        Raises:
            NotReady: nothing is loaded yet, or the service is draining.
        """
        serving = held or self._serving
        if serving is None or self._why_not():
            raise self._not_ready()
        return serving

    @contextmanager
    def pinned(self) -> Iterator[ServedBundle | None]:
        """Hold what is served now for the block, whatever is served when it ends; None where nothing is yet."""
        if self._serving is None:
            yield None
            return
        with self._serving.held():
            yield self._serving

    def _not_ready(self) -> NotReady:
        return NotReady(self._why_not() or "No bundle is loaded yet.", retry_after_s=MIN_RETRY_S)

    def fail(self, error: Exception) -> None:
        """Record that the service cannot start, before anything is loaded."""
        self.failure = error
        LOGGER.error("cannot begin", exc_info=error, extra={"fields": _reason(error)})
        self._settled.set()
        self.on_failure()

    def begin(self) -> None:
        """Begin to load, then follow the pointer."""
        self._life = asyncio.get_running_loop().create_task(self._live())

    async def settled(self) -> None:
        """Wait until a bundle is served, or it is known that none can be."""
        await self._settled.wait()

    def drain(self) -> None:
        """Refuse new requests; those in progress are answered.

        Called from a signal handler, so it takes no lock: the interrupted code may hold it.
        """
        self._draining = True

    async def end(self) -> None:
        """Answer the requests in progress, then end the threads."""
        self.drain()
        self._metrics.set_ready(False)
        self._ending.set()
        if self._life is not None:
            await self._life
        if self._serving is not None:
            await self._serving.inference.close()
        if self._retiring:
            await asyncio.wait(self._retiring)

    def _why_not(self) -> str | None:
        if self._draining:
            return SHUTTING_DOWN
        return None if self.failure is None else "The bundle could not be loaded; the log says why."

    async def _live(self) -> None:
        seen = await asyncio.to_thread(self._mark)
        try:
            self._take(await asyncio.to_thread(self._open_first))
        except Exception as error:
            self.failure = error
            LOGGER.error("bundle not loaded", exc_info=error, extra={"fields": _reason(error)})
            self._settled.set()
            self.on_failure()
            return
        self._metrics.set_ready(not self._draining)
        self._settled.set()
        self.on_ready()
        while not await self._ends_within(self._settings.follow_s):
            self._metrics.set_memory(private_bytes())
            mark = await asyncio.to_thread(self._mark)
            if mark is not None and mark != seen:
                seen = mark
                await self._follow(mark[0])

    async def _ends_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._ending.wait(), seconds)
        except TimeoutError:
            return False
        return True

    def _mark(self) -> tuple[str, int] | None:
        return None if self._settings.bundle is None else pointer_mark(self._settings.bundle)

    def _open_first(self) -> Loaded:
        """Return the current bundle, or the previous one if it cannot be used; called in a thread."""
        try:
            return self._open(self._settings)
        except BundleError as error:
            try:
                before = previous(self._settings.bundle) if self._settings.bundle is not None else None
            except BundleMissing:
                before = None
            if before is None:
                raise
            loaded = self._open(self._settings.model_copy(update={"bundle": before}))
            self._refuse((self._mark() or ("?", 0))[0], error, loaded.bundle.manifest.bundle_id)
            return loaded

    def _open(self, settings: Settings) -> Loaded:
        loaded = self._load(settings)
        warm_up(loaded)
        return loaded

    async def _follow(self, named: str) -> None:
        """Serve the bundle that the pointer names; if that is unusable, report it and keep the one that is served."""
        before = self._serving
        if before is not None and named == before.bundle_id:
            self._accept()
            return
        try:
            loaded = await asyncio.to_thread(self._open, self._settings)
        except Exception as error:
            self._refuse(named, error, before.bundle_id if before else None)
            return
        self._accept()
        self._take(loaded)
        self._metrics.swapped("taken")
        if before is not None:
            retiring = asyncio.get_running_loop().create_task(self._retire(before))
            self._retiring.add(retiring)
            retiring.add_done_callback(self._retiring.discard)

    def _take(self, loaded: Loaded) -> None:
        inference = Inference(loaded.classifier, loaded.recommender, settings=self._settings, metrics=self._metrics)
        inference.start()
        before = self._serving
        # One assignment on the event loop: a request begins before it or after it.
        self._serving = ServedBundle(loaded, inference)
        self._metrics.serving(self._serving.bundle_id)
        log("ready" if before is None else "bundle taken", bundle=self._serving.bundle_id)

    async def _retire(self, serving: ServedBundle) -> None:
        bundle_id = serving.bundle_id
        await serving.close()
        del serving
        gc.collect()  # mapped files are released with the last reference, and parts may refer to each other
        await asyncio.to_thread(give_freed_memory_back)
        log("bundle released", bundle=bundle_id)

    def _accept(self) -> None:
        self.concerns.pop(REFUSED, None)
        self._metrics.set_refused(False)

    def _refuse(self, named: str, error: Exception, serving: str | None) -> None:
        self.concerns[REFUSED] = "The store's current bundle cannot be used; the one before keeps serving."
        self._metrics.set_refused(True)
        self._metrics.swapped("refused")
        LOGGER.error(
            "bundle refused", exc_info=error, extra={"fields": {"bundle": named, "serving": serving, **_reason(error)}}
        )


def _reason(error: Exception) -> dict[str, str]:
    """Return the text of one of our own errors, which quotes nothing but the operator's files."""
    return {"reason": str(error)} if isinstance(error, TagsmithError) else {}
