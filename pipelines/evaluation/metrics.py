"""Figures of merit, one value a post, so that means, intervals and comparisons are all made of the same values."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.errors import DataError

SEMANTIC_THRESHOLD = 0.7
"""In GloVe 6B of 100 dimensions one in a thousand random pairs of hashtags reaches it; dog and puppy do."""
DEPTH = 10
N_BINS = 10

Values = NDArray[np.float64]


class UnitVectors(Protocol):
    """Words as unit vectors, for the semantic hit ratio."""

    def get(self, word: str, /) -> NDArray[np.float32] | None:
        """Return (d,) float32 of length 1, or None for an unknown word."""
        ...


def hit_matrix(
    ranked: Sequence[Sequence[str]], hidden: Sequence[Collection[str]], depth: int = DEPTH
) -> NDArray[np.bool_]:
    """Return (q, depth) whether each suggestion is hidden; False past the end of a list.

    Raises:
        DataError: the two differ in length, a post hides nothing, or a list suggests a hashtag twice.
    """
    if len(ranked) != len(hidden):
        raise DataError(f"{len(ranked)} lists cannot be scored against {len(hidden)} posts")
    hits = np.zeros((len(ranked), depth), dtype=np.bool_)
    for row, (suggested, targets) in enumerate(zip(ranked, hidden, strict=True)):
        if not targets:
            raise DataError(f"post {row} hides no hashtag, so nothing can be right or wrong about it")
        head = suggested[:depth]
        if len(set(head)) != len(head):
            raise DataError(f"list {row} suggests a hashtag twice, which would count twice")
        for column, hashtag in enumerate(head):
            hits[row, column] = hashtag in targets
    return hits


def ranking_metrics(ranked: Sequence[Sequence[str]], hidden: Sequence[Collection[str]]) -> dict[str, Values]:
    """Return (q,) values, 0 to 1, of P@1, P@5, R@5, A@5, R@10 and nDCG@10.

    With h the suggestions that are hidden among the first k, and n all hidden hashtags (those that no vocabulary
    holds too, so they count as misses): P@k = h / k, also for a shorter list; R@k = h / n; A@k = 1 if h > 0;
    nDCG@10 has gain 1 and discount log2(rank + 1) (Järvelin and Kekäläinen 2002) and as ideal min(n, 10) hits at
    the top.

    Raises:
        DataError: as ``hit_matrix``.
    """
    hits = hit_matrix(ranked, hidden).astype(np.float64)
    n_hidden = np.array([len(set(targets)) for targets in hidden], dtype=np.float64)
    discounts = 1.0 / np.log2(np.arange(2, DEPTH + 2))
    ideal = np.concatenate([[1.0], np.cumsum(discounts)])[np.minimum(n_hidden, DEPTH).astype(np.int64)]
    return {
        "P@1": hits[:, 0],
        "P@5": hits[:, :5].sum(axis=1) / 5.0,
        "R@5": hits[:, :5].sum(axis=1) / n_hidden,
        "A@5": hits[:, :5].max(axis=1, initial=0.0),
        "R@10": hits.sum(axis=1) / n_hidden,
        "nDCG@10": (hits @ discounts) / ideal,
    }


def semantic_hit_ratio(
    ranked: Sequence[Sequence[str]],
    hidden: Sequence[Collection[str]],
    vectors: UnitVectors | Mapping[str, NDArray[np.float32]],
    *,
    threshold: float = SEMANTIC_THRESHOLD,
    depth: int = 5,
) -> Values:
    """Return (q,) shares of the first ``depth`` suggestions that equal or resemble a hidden hashtag, 0 to 1.

    One resembles another when the cosine of their vectors is at least ``threshold``; words without a vector must be
    equal. After #REval (2023), which found that exact matching under-rates good suggestions.

    Raises:
        DataError: as ``hit_matrix``.
    """
    exact = hit_matrix(ranked, hidden, depth)
    near = exact.copy()
    for row, (suggested, targets) in enumerate(zip(ranked, hidden, strict=True)):
        wanted = [vector for target in sorted(targets) if (vector := vectors.get(target)) is not None]
        if not wanted:
            continue
        stacked = np.stack(wanted)
        for column, hashtag in enumerate(suggested[:depth]):
            vector = None if near[row, column] else vectors.get(hashtag)
            if vector is not None:
                near[row, column] = bool((stacked @ vector).max() >= threshold)
    ratio: Values = near.sum(axis=1) / float(depth)
    return ratio


def jaccard(first: Sequence[str], second: Sequence[str], depth: int = DEPTH) -> float:
    """Return the share of the first ``depth`` hashtags of both lists that they have in common, 0 to 1; 1 when empty."""
    left, right = set(first[:depth]), set(second[:depth])
    return len(left & right) / len(left | right) if left | right else 1.0


def top_k_correct(probabilities: NDArray[np.floating], labels: Sequence[Collection[int]], k: int) -> Values:
    """Return (n,) 1 where one of a picture's labels is among its k most probable topics; ties go to the lower index.

    Raises:
        DataError: the two differ in length.
    """
    if len(probabilities) != len(labels):
        raise DataError(f"{len(probabilities)} predictions cannot be scored against {len(labels)} pictures")
    best = np.argsort(-probabilities, axis=1, kind="stable")[:, :k]
    return np.array(
        [float(any(topic in right for topic in row)) for row, right in zip(best.tolist(), labels, strict=True)]
    )


def expected_calibration_error(
    confidence: NDArray[np.floating], correct: NDArray[np.floating], weights: NDArray[np.floating] | None = None
) -> float:
    """Return the mean gap of confidence and accuracy over ten equal bins, weighted by size, 0 to 1.

    Guo et al. 2017, "On Calibration of Modern Neural Networks".

    Args:
        confidence: (n,) probability of the most probable topic; a bin holds (b / 10, (b + 1) / 10].
        correct: (n,) 1 where it was right.
        weights: (n,) how often each counts; None counts each once.

    Raises:
        DataError: nothing to count.
    """
    sizes = np.ones(len(confidence)) if weights is None else np.asarray(weights, dtype=np.float64)
    total = float(sizes.sum())
    if total <= 0:
        raise DataError("calibration needs at least one prediction")
    bins = np.clip(np.ceil(np.asarray(confidence, dtype=np.float64) * N_BINS).astype(np.int64) - 1, 0, N_BINS - 1)
    # Both sums share the bin's size as divisor, which cancels against the bin's weight.
    gap = np.bincount(bins, weights=sizes * (np.asarray(correct, np.float64) - confidence), minlength=N_BINS)
    return float(np.abs(gap).sum() / total)
