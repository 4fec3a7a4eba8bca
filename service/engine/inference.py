"""From a query to its answer: through the load gate, its picture decoded and classified, its hashtags ranked.

Decoding, the network and the recommender run in threads, so that the event loop only ever waits. A request that is
alone does everything in one thread; otherwise pictures are decoded side by side and share batches. Only pictures use
the threads that decode, and they wait for memory outside of them; so no caption ever stands behind a picture.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from core.errors import NotReady, Overloaded
from core.freed_memory import give_freed_memory_back
from core.images import SurveyedPicture
from core.ports import ImageClassifier, Recommender
from core.processors import available_processors
from core.query import ImageEvidence, Query
from core.suggestions import Answer
from service.engine.batcher import MIN_RETRY_S, SHUTTING_DOWN, MicroBatcher
from service.engine.memory import MemoryBudget
from service.observe.metrics import Metrics, StageTimes
from service.settings import Settings
from service.shares import CallersOfLate, Holdings, share_of

T = TypeVar("T")

MAX_DECODERS = 4
# More than most phones' pictures take: worth the milliseconds of giving memory back.
LARGE_BYTES = 100_000_000
WINDOW = 64
MAX_RETRY_S = 60.0


class LoadGate:
    """Lets at most ``capacity`` requests in and measures how fast they leave; lives on one event loop.

    The rate is requests finished per second of busy time over the last ``WINDOW`` requests, so that a quiet hour does
    not make the service look slow.

    Half of the room is for whoever comes first; the other half goes only to callers that hold less than an equal share
    of the whole. So one caller may fill it alone, until another one asks.

    Attributes:
        n_inside: requests in progress.
        closed: whether nothing more is let in.
    """

    def __init__(self, capacity: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._capacity = capacity
        self._clock = clock
        self._busy_s = 0.0
        self._busy_since = 0.0
        self._done_at: deque[float] = deque(maxlen=WINDOW)
        self._freed = asyncio.Event()
        self._holdings = Holdings()
        self._of_late = CallersOfLate(clock=clock)
        self.n_inside = 0
        self.closed = False

    @contextmanager
    def entered(self, caller: str = "") -> Iterator[None]:
        """Let one request of ``caller`` in for the block.

        Raises:
            Overloaded: ``capacity`` requests are inside, or this caller's share of them; ``retry_after_s`` is how long
                those inside will take.
            NotReady: the gate is closed.
        """
        if self.closed:
            raise NotReady(SHUTTING_DOWN, retry_after_s=MIN_RETRY_S)
        n_callers = self._of_late.note(caller)
        if self.n_inside >= self._capacity:
            raise Overloaded("The queue is full.", retry_after_s=self.retry_after_s())
        if self.n_inside >= share_of(self._capacity) and self._holdings.of(caller) >= max(
            1, self._capacity // n_callers
        ):
            raise Overloaded("The queue is full of your requests.", retry_after_s=self.retry_after_s())
        if self.n_inside == 0:
            self._busy_since = self._clock()
        self.n_inside += 1
        self._holdings.add(caller, 1)
        try:
            yield
        finally:
            self._done_at.append(self._busy_clock())
            self.n_inside -= 1
            self._holdings.add(caller, -1)
            self._freed.set()
            if self.n_inside == 0:
                self._busy_s = self._done_at[-1]

    async def room(self) -> None:
        """Wait until there is room for a request; another one may still be quicker."""
        while self.n_inside >= self._capacity and not self.closed:
            self._freed.clear()
            await self._freed.wait()

    def retry_after_s(self) -> float:
        """Return how many seconds the requests inside will take, 1 to 60; 1 before anything is measured."""
        if len(self._done_at) < 2:
            return MIN_RETRY_S
        span_s = self._done_at[-1] - self._done_at[0]
        seconds_each = span_s / (len(self._done_at) - 1)
        return min(MAX_RETRY_S, max(MIN_RETRY_S, self.n_inside * seconds_each))

    def _busy_clock(self) -> float:
        """Seconds during which at least one request was inside."""
        return self._busy_s + (self._clock() - self._busy_since)


@dataclass(frozen=True, slots=True)
class _Work:
    """An answer, and when it was started and each step to it ended, by ``time.perf_counter``."""

    answer: Answer
    started: float
    decoded: float
    classified: float
    ranked: float


class Inference:
    """Answers queries with one classifier and one recommender; lives on one event loop."""

    def __init__(
        self, classifier: ImageClassifier, recommender: Recommender, *, settings: Settings, metrics: Metrics
    ) -> None:
        self._classifier = classifier
        self._recommender = recommender
        self._metrics = metrics
        self.gate = LoadGate(settings.queue)
        n_decoders = min(MAX_DECODERS, settings.threads or available_processors())
        self._decoders = ThreadPoolExecutor(n_decoders, thread_name_prefix="decode")
        self._memory = MemoryBudget()
        self._models = ThreadPoolExecutor(2, thread_name_prefix="models")
        wait_s = settings.batch_wait_ms / 1000.0
        self._classify: MicroBatcher[NDArray[np.float32], ImageEvidence] = MicroBatcher(
            lambda pixels: classifier.evidence(np.stack(pixels)),
            executor=self._models,
            max_items=settings.batch_max,
            max_wait_s=wait_s,
            on_batch=metrics.classified,
        )
        # Ranking gains nothing from larger batches, so it never waits for them.
        self._rank: MicroBatcher[Query, Answer] = MicroBatcher(
            recommender.recommend, executor=self._models, max_items=settings.batch_max, max_wait_s=0.0
        )

    def start(self) -> None:
        """Begin to serve; call it on the event loop."""
        self._classify.start()
        self._rank.start()

    async def answer(self, query: Query, image_file: bytes | None, stages: StageTimes, *, caller: str = "") -> Answer:
        """Return the answer to ``query`` of ``caller``, its picture taken from ``image_file`` when there is one.

        Raises:
            Overloaded: too many requests are in progress.
            BadInput: the picture cannot be read, or the recommender refuses the query.
        """
        with self.gate.entered(caller), self._counted():
            if self.gate.n_inside == 1:
                return await self._answer_alone(query, image_file, stages)
            if image_file is not None:
                query = replace(query, image=await self._evidence_of(image_file, stages))
            done = await self._rank.submit(query)
            stages.add("queue", done.waited_s)
            stages.add("rank", done.ran_s)
            return done.value

    async def close(self) -> None:
        """Refuse new requests, answer those in progress, and end the threads."""
        self.gate.closed = True
        while self.gate.n_inside:
            await asyncio.sleep(0.01)
        await self._classify.close()
        await self._rank.close()
        self._decoders.shutdown(wait=False, cancel_futures=True)
        self._models.shutdown(wait=False, cancel_futures=True)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        self._metrics.inside(1)
        try:
            yield
        finally:
            self._metrics.inside(-1)

    async def _answer_alone(self, query: Query, image_file: bytes | None, stages: StageTimes) -> Answer:
        """Do everything in one thread: with no other request to share a batch with, handing over only costs time."""
        asked = time.perf_counter()
        if image_file is None:
            work = await asyncio.get_running_loop().run_in_executor(self._models, self._work, query, None)
        else:
            work = await self._decoding(image_file, lambda picture: self._work(query, picture))
        stages.add("queue", work.started - asked)
        if image_file is not None:
            self._metrics.classified(1)
            stages.add("decode", work.decoded - work.started)
            stages.add("classify", work.classified - work.decoded)
        stages.add("rank", work.ranked - work.classified)
        return work.answer

    async def _evidence_of(self, image_file: bytes, stages: StageTimes) -> ImageEvidence:
        asked = time.perf_counter()
        started, ended, pixels = await self._decoding(image_file, self._prepare)
        stages.add("queue", started - asked)
        stages.add("decode", ended - started)
        done = await self._classify.submit(pixels)
        stages.add("queue", done.waited_s)
        stages.add("classify", done.ran_s)
        return done.value

    async def _decoding(self, image_file: bytes, work: Callable[[SurveyedPicture], T]) -> T:
        """Return what ``work`` makes of a picture in a decoder's thread, once there is memory for it."""
        loop = asyncio.get_running_loop()
        picture = await loop.run_in_executor(self._decoders, self._classifier.survey, image_file)
        give_back = await self._memory.claim(picture.decoding_bytes)

        def done(_: object) -> None:
            with suppress(RuntimeError):  # the loop is closed, and nobody waits any more
                loop.call_soon_threadsafe(give_back)

        future = self._decoders.submit(work, picture)
        # When the thread is done, not the caller: one that has left does not end the thread.
        future.add_done_callback(done)
        return await asyncio.wrap_future(future)

    def _work(self, query: Query, picture: SurveyedPicture | None) -> _Work:
        """Do everything for one query; called in a thread."""
        started = decoded = classified = time.perf_counter()
        if picture is not None:
            started, decoded, pixels = self._prepare(picture)
            (evidence,) = self._classifier.evidence(pixels[None])
            classified = time.perf_counter()
            query = replace(query, image=evidence)
        (answer,) = self._recommender.recommend([query])
        return _Work(answer, started, decoded, classified, time.perf_counter())

    def _prepare(self, picture: SurveyedPicture) -> tuple[float, float, NDArray[np.float32]]:
        """Return when decoding started, when it ended, and the pixels; called in a thread."""
        started = time.perf_counter()
        try:
            pixels = self._classifier.prepare(picture)
        finally:
            if picture.decoding_bytes > LARGE_BYTES:
                give_freed_memory_back()
        return started, time.perf_counter(), pixels
