"""The tasks without a picture: every method on the same questions, made from all test posts that qualify."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.corpus.questions import Question
from pipelines.evaluation.bootstrap import Interval, Resamples, as_figure
from pipelines.evaluation.contenders import GLOBAL, HARD, LEARNT, SHIPPED
from pipelines.evaluation.scoreboard import (
    MAIN_METRIC,
    Case,
    Figures,
    Ranker,
    Scoreboard,
    band_of,
    stands_in_caption,
)
from pipelines.workshop.progress import ProgressPort
from recommend.baselines.conditional_sums import BothSums, SeedSum
from recommend.knowledge.opening import Knowledge

REFERENCE = {"tags": SeedSum.name, "caption": BothSums.name}
"""What each task's bar is held against."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One task's questions with what every method found."""

    asked: Sequence[Question]
    board: Scoreboard


def measure(
    asked: Sequence[Question],
    rankers: Mapping[str, Ranker],
    vectors: Mapping[str, NDArray[np.float32]],
    *,
    n_resamples: int,
    seed: int,
    progress: ProgressPort,
) -> Measured:
    """Return what ``rankers`` found for the questions of one task.

    Raises:
        DataError: there are no questions, or a list holds a hashtag twice.
    """
    board = Scoreboard(asked, Resamples(len(asked), n_resamples=n_resamples, seed=seed), vectors=vectors)
    task = progress.task(f"{asked[0].task if asked else 'no'} questions, methods", len(rankers))
    for name, ranker in rankers.items():
        board.add(name, ranker)
        task.advance(1)
    return Measured(asked, board)


def task_figures(
    measured: Measured, task: str, tag_posts: Mapping[str, int], topic_of: Callable[[Case], str | None]
) -> Figures:
    """Return everything about one task.

    Args:
        measured: the task's questions and lists.
        task: ``tags`` or ``caption``.
        tag_posts: hashtag -> training posts that carry it.
        topic_of: a question's topic for the tables, from all of its post; it is part of no query.
    """
    board, reference = measured.board, REFERENCE[task]
    shown = (LEARNT, reference, "popularity")
    found: Figures = {
        "posts": len(measured.asked),
        "methods": board.overall(),
        f"ratio to {reference}": board.ratios(reference),
        "by_source": board.by(lambda case: case.source, shown),
        "by_topic": board.by(topic_of, shown),
        "by_frequency": board.recall_by_target(lambda _, tag: band_of(tag_posts.get(tag, 0)), shown),
    }
    if task == "caption":
        found["in_the_caption"] = board.recall_by_target(stands_in_caption, shown)
    return found


def routing_figures(measured: Mapping[str, Measured], topic_of: Callable[[Case], str | None]) -> Figures:
    """Return soft, hard and global routing side by side, by task and topic, and their ratios."""
    ways = (LEARNT, HARD, GLOBAL)
    return {
        task: {
            "by_topic": of_task.board.by(topic_of, ways),
            "soft against others": {
                name: {"ratio": as_figure(of_task.board.ratio(LEARNT, name))} for name in (HARD, GLOBAL, SHIPPED)
            },
        }
        for task, of_task in measured.items()
    }


def pooled_ratio(measured: Sequence[Measured], name: str, baseline: str, *, n_resamples: int, seed: int) -> Interval:
    """Return the paired ratio of two methods over all posts of several tasks; a post's questions are drawn together."""
    post_ids = sorted({question.post_id for of_task in measured for question in of_task.asked})
    row_of = {post_id: row for row, post_id in enumerate(post_ids)}
    sums = np.zeros((2, len(post_ids)))
    for of_task in measured:
        rows = [row_of[question.post_id] for question in of_task.asked]
        for row, method in enumerate((name, baseline)):
            np.add.at(sums[row], rows, of_task.board.values(method, MAIN_METRIC))
    return Resamples(len(post_ids), n_resamples=n_resamples, seed=seed).ratio(sums[0], sums[1])


def semantic_vectors(knowledge: Knowledge) -> dict[str, NDArray[np.float32]]:
    """Return the hashtags' unit vectors in the general word space, which no method here was trained in."""
    return {tag: row for tag, row in zip(knowledge.tags, knowledge.tag_meanings, strict=True) if row.any()}
