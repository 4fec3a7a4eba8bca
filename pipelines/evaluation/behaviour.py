"""Behaviour that hidden hashtags cannot measure: whether the picture matters, and when the recommender abstains."""

from __future__ import annotations

import io
import string
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from core.ports import ImageClassifier, Recommender
from core.query import ImageEvidence, Query
from models.training.noise_pictures import draw_noise_pictures
from pipelines.evaluation.metrics import DEPTH, jaccard

BATCH_QUERIES = 256


def picture_overlaps(
    recommender: Recommender, pictures: Sequence[tuple[str, ImageEvidence]], n_pairs: int, seed: int
) -> NDArray[np.float64]:
    """Return Jaccard@10 of the answers to ``n_pairs`` random pairs of pictures of one topic each, (n,) 0 to 1.

    Fewer when there are not so many different pairs. Topics are drawn by their number of pictures.

    Args:
        recommender: asked about each picture alone.
        pictures: (topic, evidence) of each.
        n_pairs: how many pairs to draw, all different.
        seed: of the draw.
    """
    generator = np.random.default_rng(seed)
    topics = np.array([topic for topic, _ in pictures])
    pairs: set[tuple[int, int]] = set()
    for _ in range(20 * n_pairs):
        if len(pairs) == n_pairs:
            break
        first = int(generator.integers(len(pictures)))
        second = int(generator.choice(np.flatnonzero(topics == topics[first])))
        if first != second:
            pairs.add((min(first, second), max(first, second)))
    wanted = sorted({picture for pair in pairs for picture in pair})
    lists = dict(
        zip(wanted, _lists(recommender, [Query(image=pictures[picture][1]) for picture in wanted]), strict=True)
    )
    return np.array([jaccard(lists[first], lists[second]) for first, second in sorted(pairs)])


def abstentions(recommender: Recommender, queries: Sequence[Query]) -> NDArray[np.float64]:
    """Return (q,) 1 where the recommender abstains."""
    answers = [answer for batch in _batches(queries) for answer in recommender.recommend(batch)]
    return np.array([float(answer.abstain) for answer in answers])


def noise_queries(classifier: ImageClassifier, n_queries: int, seed: int) -> list[Query]:
    """Return queries of pictures that show nothing."""
    queries = []
    for image in draw_noise_pictures(n_queries, seed):
        file = io.BytesIO()
        image.save(file, "JPEG", quality=90)
        queries.append(Query(image=classifier.evidence(classifier.prepare(file.getvalue())[None])[0]))
    return queries


def gibberish_queries(n_queries: int, seed: int) -> list[Query]:
    """Return queries of three to eight words of random letters each."""
    generator = np.random.default_rng(seed)
    letters = np.array(list(string.ascii_lowercase))

    def word() -> str:
        return "".join(generator.choice(letters, size=int(generator.integers(5, 12))).tolist())

    return [Query(words=tuple(word() for _ in range(int(generator.integers(3, 9))))) for _ in range(n_queries)]


def _lists(recommender: Recommender, queries: Sequence[Query]) -> list[list[str]]:
    return [
        [suggestion.hashtag for suggestion in answer.suggestions[:DEPTH]]
        for batch in _batches(queries)
        for answer in recommender.recommend(batch)
    ]


def _batches(queries: Sequence[Query]) -> Iterator[Sequence[Query]]:
    for start in range(0, len(queries), BATCH_QUERIES):
        yield queries[start : start + BATCH_QUERIES]
