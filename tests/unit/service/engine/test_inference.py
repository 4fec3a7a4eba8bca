"""Captions are answered whatever pictures do, and memory is held for as long as a decoder uses it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core.images import MAX_DECODING_BYTES, SurveyedPicture
from core.query import Options, Query
from service.engine.inference import Inference
from service.observe.metrics import Metrics, StageTimes
from service.settings import Settings
from tests.support.fakes import PHOTO, FakeClassifier, FakeRecommender


class Stuck(FakeClassifier):
    """Takes all the memory for each picture, and decodes none until it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.go = threading.Semaphore(0), threading.Event()
        self.n_inside = 0

    def survey(self, data: bytes) -> SurveyedPicture:
        """Return a picture of the largest cost."""
        return replace(super().survey(data), decoding_bytes=MAX_DECODING_BYTES)

    def prepare(self, picture: bytes | SurveyedPicture) -> NDArray[np.float32]:
        """Wait."""
        self.n_inside += 1
        self.begun.release()
        assert self.go.wait(30)
        self.n_inside -= 1
        return super().prepare(picture)


@asynccontextmanager
async def inference_over(classifier: Stuck) -> AsyncIterator[Inference]:
    """Yield an engine with two decoders."""
    settings = Settings(threads=2)
    inference = Inference(classifier, FakeRecommender(), settings=settings, metrics=Metrics())
    inference.start()
    try:
        yield inference
    finally:
        classifier.go.set()
        await inference.close()


CAPTION = Query(words=("dog",), options=Options())


async def caption_is_answered(inference: Inference) -> None:
    """Ask with a caption alone."""
    answer = await asyncio.wait_for(inference.answer(CAPTION, None, StageTimes()), 10)
    assert answer.suggestions


def test_captions_pass_by_pictures_that_are_stuck() -> None:
    """However many pictures wait for a decoder or for memory."""

    async def ask() -> None:
        classifier = Stuck()
        async with inference_over(classifier) as inference:
            pictures = [asyncio.create_task(inference.answer(CAPTION, PHOTO, StageTimes())) for _ in range(6)]
            assert await asyncio.to_thread(classifier.begun.acquire, timeout=10)
            await caption_is_answered(inference)
            classifier.go.set()
            assert all(answer.suggestions for answer in await asyncio.gather(*pictures))

    asyncio.run(ask())


def test_a_caller_that_leaves_frees_no_memory_that_is_in_use() -> None:
    """Its decoder goes on; the next picture begins when that is done, and a caption need not wait for it."""

    async def leave() -> None:
        classifier = Stuck()
        async with inference_over(classifier) as inference:
            gone = asyncio.create_task(inference.answer(CAPTION, PHOTO, StageTimes()))
            assert await asyncio.to_thread(classifier.begun.acquire, timeout=10)
            gone.cancel()
            await asyncio.gather(gone, return_exceptions=True)
            following = asyncio.create_task(inference.answer(CAPTION, PHOTO, StageTimes()))
            await caption_is_answered(inference)
            await asyncio.sleep(0.1)
            assert classifier.n_inside == 1
            classifier.go.set()
            assert (await asyncio.wait_for(following, 10)).suggestions

    asyncio.run(leave())
