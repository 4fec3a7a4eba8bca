"""Stand-ins for the ports: deterministic, quick, and keeping a record of what they were asked."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from core.errors import ImageTooLarge, NothingToGoOn, UndecodableImage, UnsupportedImage
from core.images import SurveyedPicture
from core.query import ImageEvidence, Query
from core.suggestions import Answer, Notice, Parts, Popularity, Suggestion

TOPICS = ("pets", "nature", "food")
CLASS_NAMES = ("golden retriever", "tabby cat", "pizza", "alp")
VOCABULARY = (
    "dog",
    "cat",
    "pizza",
    "mountain",
    "puppy",
    "love",
    "sunset",
    "catsofinstagram",
    "food",
    "hike",
    "art",
    "travel",
)

PHOTO = b"\xff\xd8\xff a picture of a dog \xff\xd9"
"""Bytes that ``FakeClassifier`` takes for a photograph."""
BROKEN_PHOTO = b"\xff\xd8\xff cut short"
HUGE_PHOTO = b"\xff\xd8\xff 60 megapixels \xff\xd9"


class FakeClassifier:
    """An ``ImageClassifier`` whose evidence follows from the bytes alone.

    Attributes:
        batches: how many pictures each call of ``evidence`` had.
        prepared: how many pictures were prepared.
    """

    def __init__(self, topics: tuple[str, ...] = TOPICS, *, before: Callable[[], None] = lambda: None) -> None:
        """Call ``before`` at the start of every forward pass: tests hold the network up with it."""
        self._topics = topics
        self._before = before
        self._lock = threading.Lock()
        self.batches: list[int] = []
        self.prepared = 0

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics that it was made with."""
        return self._topics

    def survey(self, data: bytes) -> SurveyedPicture:
        """Return that the file costs nothing, whatever it is; ``prepare`` judges it."""
        return SurveyedPicture("JPEG", 4, 4, data, 1, False, 0)

    def prepare(self, picture: bytes | SurveyedPicture) -> NDArray[np.float32]:
        """Return four by four pixels that follow from the bytes."""
        data = picture if isinstance(picture, bytes) else picture.data
        if data[:3] != b"\xff\xd8\xff" and data[:2] != b"BM":
            raise UnsupportedImage("the file is no picture of a format that is read here", field="image")
        if data == HUGE_PHOTO:
            raise ImageTooLarge("the picture has 60 megapixels, more than 50", field="image")
        if data[:2] != b"BM" and not data.endswith(b"\xff\xd9"):
            raise UndecodableImage("the picture is cut short", field="image")
        with self._lock:
            self.prepared += 1
        seed = int.from_bytes(hashlib.sha256(data).digest()[:4], "big")
        return np.random.default_rng(seed).random((3, 4, 4), dtype=np.float32)

    def evidence(self, batch: NDArray[np.float32]) -> list[ImageEvidence]:
        """Return evidence that follows from each row alone."""
        self._before()
        with self._lock:
            self.batches.append(len(batch))
        return [self._look(row) for row in batch]

    def _look(self, row: NDArray[np.float32]) -> ImageEvidence:
        weights = row[0].ravel()[: len(self._topics)] + np.float32(0.1)
        classes = np.array([0, 1], dtype=np.int32)
        return ImageEvidence(
            (weights / weights.sum()).astype(np.float32), classes, np.array([0.7, 0.2], dtype=np.float32), 9.0
        )


class FakeRecommender:
    """A ``Recommender`` over a dozen hashtags.

    Attributes:
        queries: every query that it was asked, in order.
    """

    def __init__(
        self, *, before: Callable[[Query], None] = lambda query: None, vocabulary: Sequence[str] = VOCABULARY
    ) -> None:
        """Call ``before`` with every query: tests make one fail with it."""
        self._before = before
        self._vocabulary = vocabulary
        self.queries: list[Query] = []

    def recommend(self, queries: Sequence[Query]) -> list[Answer]:
        """Return one answer a query."""
        return [self._answer(query) for query in queries]

    def _answer(self, query: Query) -> Answer:
        self._before(query)
        self.queries.append(query)
        options = query.options
        if not query.words and not query.seeds and query.image is None:
            raise NothingToGoOn("there is nothing to go on")
        left = [tag for tag in self._vocabulary if tag not in {*query.seeds, *options.exclude, *options.pin}]
        tags = [*options.pin, *left][: options.limit]
        warnings: tuple[Notice, ...] = ()
        if len(tags) < options.limit:
            warnings = (Notice("fewer_suggestions", f"only {len(tags)} hashtags fit", "limit"),)
        topics: tuple[tuple[str, float], ...] = ()
        if options.routing != "global":
            weights = (
                [1.0] + [0.0] * (len(TOPICS) - 1) if query.image is None else [float(p) for p in query.image.topics]
            )
            topics = tuple(sorted(zip(TOPICS, weights, strict=True), key=lambda pair: -pair[1]))
        classes: tuple[tuple[str, float], ...] = ()
        if query.image is not None:
            pairs = zip(query.image.class_ids, query.image.class_probabilities, strict=True)
            classes = tuple((CLASS_NAMES[int(i)], float(p)) for i, p in pairs)
        known = bool(query.image or query.seeds)
        return Answer(
            suggestions=tuple(self._suggest(tag, rank, query) for rank, tag in enumerate(tags)),
            topics=topics,
            classes=classes,
            level="high" if known else "low",
            abstain=not known,
            warnings=warnings if known else (*warnings, Notice("abstained", "nothing about this post is known")),
        )

    def _suggest(self, tag: str, rank: int, query: Query) -> Suggestion:
        parts = Parts(
            image=1.0 / (rank + 1) if query.image else 0.0,
            caption=0.5 if query.words else 0.0,
            seeds=0.25 if query.seeds else 0.0,
            popularity=0.1,
        )
        because = ("the picture looks like a golden retriever",) if query.image and query.options.explain else ()
        popularity = Popularity(posts=100 - rank, tier="mid", percentile=0.5)
        return Suggestion(tag, tag.capitalize(), parts.total(), TOPICS[0], parts, because, popularity)
