"""The tasks with a picture: posts that have one, each asked by a recommender that learnt nothing from its source."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from core.ports import ImageClassifier
from core.posts import Post
from core.query import Query
from pipelines.corpus.questions import IMAGE_TASKS, Question
from pipelines.evaluation.bootstrap import Interval, Resamples, as_figure
from pipelines.evaluation.contenders import LEARNT, ByScore, ScoringRecommender
from pipelines.evaluation.scoreboard import MAIN_METRIC, Figures, Ranker, Scoreboard
from pipelines.training.image_weights import picture_questions
from recommend.signals.base import without_image

WITHOUT_PICTURE = "tagsmith, without the picture"


class LeftOut:
    """Asks about each source's posts the recommender that did not learn from them."""

    def __init__(self, questions: Sequence[Question], recommender_of: Callable[[str], ScoringRecommender]) -> None:
        """Answer exactly ``questions``' queries, by the recommender of each one's source."""
        self._sources = [question.source for question in questions]
        self._recommender_of = recommender_of

    def rank(self, queries: Sequence[Query], k: int) -> list[list[str]]:
        """Return for each query the k best; ``queries`` are those of the questions, in order."""
        lists: list[list[str]] = [[] for _ in queries]
        for source in sorted(set(self._sources)):
            rows = [row for row, name in enumerate(self._sources) if name == source]
            ranker = ByScore(self._recommender_of(source), "soft")
            for row, ranked in zip(rows, ranker.rank([queries[row] for row in rows], k), strict=True):
                lists[row] = ranked
        return lists


class PictureTakenAway:
    """Another ranker, asked about the same posts without their pictures."""

    def __init__(self, ranker: Ranker) -> None:
        """Ask ``ranker``."""
        self._ranker = ranker

    def rank(self, queries: Sequence[Query], k: int) -> list[list[str]]:
        """Return what the caption and seeds alone bring."""
        return self._ranker.rank([without_image(query) for query in queries], k)


class NamedRanker(Ranker, Protocol):
    """A ranker that brings its own name."""

    @property
    def name(self) -> str:
        """What its figures are filed under."""
        ...


@dataclass(frozen=True, slots=True)
class ImageMeasured:
    """One image task.

    Attributes:
        questions: in order.
        board: what every method found.
        resamples: over the questions.
    """

    questions: Sequence[Question]
    board: Scoreboard
    resamples: Resamples

    def ratio(self, baseline: str, metric: str = MAIN_METRIC, tag_origin: str | None = None) -> Interval:
        """Return the paired ratio of the recommender to ``baseline``, of one kind of hashtags where it is named."""
        member = np.array([float(tag_origin in (None, question.tag_origin)) for question in self.questions])
        values, others = (self.board.values(name, metric) * member for name in (LEARNT, baseline))
        return self.resamples.ratio(values, others)


def measure_images(
    posts: Sequence[Post],
    classifier: ImageClassifier,
    recommender_of: Callable[[str], ScoringRecommender],
    fallback: NamedRanker,
    popularity: Ranker,
    *,
    n_resamples: int,
    seed: int,
) -> dict[str, ImageMeasured]:
    """Return every image task that ``posts`` can be asked.

    Args:
        posts: with pictures.
        classifier: sees them.
        recommender_of: from a source to the recommender that learnt nothing from it.
        fallback: popularity in the predicted topics, the published answer to a picture alone.
        popularity: the most used hashtags.
        n_resamples: of every interval.
        seed: of the resamples.
    """
    asked = picture_questions(posts, classifier)
    measured: dict[str, ImageMeasured] = {}
    for task in IMAGE_TASKS:
        questions = [question for question in asked if question.task == task]
        if not questions:
            continue
        ours = LeftOut(questions, recommender_of)
        rankers: dict[str, Ranker] = {"popularity": popularity, fallback.name: fallback, LEARNT: ours}
        if task != "image":
            rankers[WITHOUT_PICTURE] = PictureTakenAway(ours)
        resamples = Resamples(len(questions), n_resamples=n_resamples, seed=seed)
        board = Scoreboard(questions, resamples)
        for name, ranker in rankers.items():
            board.add(name, ranker)
        measured[task] = ImageMeasured(questions, board, resamples)
    return measured


def image_figures(measured: ImageMeasured, baseline: str) -> Figures:
    """Return everything about one image task, hashtags from the text and from the head of a blog post apart."""
    board = measured.board
    shown = (LEARNT, baseline, "popularity")
    origins = sorted({question.tag_origin for question in measured.questions if question.tag_origin is not None})
    return {
        "posts": len(measured.questions),
        "methods": board.overall(),
        f"ratio to {baseline}": {
            name: {
                MAIN_METRIC: as_figure(measured.ratio(baseline, MAIN_METRIC, origin)),
                "A@5": as_figure(measured.ratio(baseline, "A@5", origin)),
            }
            for name, origin in (("all", None), *((name, name) for name in origins))
        },
        "by_origin": board.by(lambda case: case.tag_origin if isinstance(case, Question) else None, shown),
        "by_source": board.by(lambda case: case.source, shown),
        "by_topic": board.by(lambda case: case.topic, shown),
    }
