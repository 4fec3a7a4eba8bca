"""Which pictures do not belong where they are: two published ways and a third, all on frozen features.

Every way gives each picture a strength; at 1 or more it is an outlier. Pictures of several topics are outliers only
where they fit none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Method = Literal["centroid", "kmeans", "confidence"]

SIGMAS = 2.0
"""Standard deviations beyond which the published ways drop a picture."""
COMPONENTS = 128
CLUSTERS = 4
"""Clusters a topic; a topic with fewer than ``CLUSTERS`` pictures each has one."""
CLASS_SHARE = 0.5
"""Length of the class probabilities' roots beside those of the features, as in ``models.training.topic_network``."""
PENALTY = 1.0
RIDGE_COMPONENTS = 512
"""Principal components that the classifier reads where inputs are longer: as good, and a twentieth of the work."""
NEIGHBOURS = 20
WARMTH = 10.0
"""A neighbour counts by exp(WARMTH * cosine)."""
SUSPECT = 0.5
"""In the second round a picture counts by its agreement divided by this, at most 1."""
LEAST_AGREEMENT = 0.12
"""Below it a picture is an outlier. Chosen on plantings with other seeds than docs/outliers.md reports."""
COPIES = 0.985
"""Pictures with at least this cosine are copies of each other: none may vouch for another."""
MOST_COPIES = 20
"""More pictures alike than this are a style (a shop's catalogue) and not copies of one: they may vouch."""
_ROWS = 1024


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a method says of n pictures.

    Attributes:
        strength: (n,) float64, not negative; at least 1 is an outlier.
        believed: (n,) number of the topic that the picture resembles most, -1 where a method does not tell.
    """

    strength: Doubles
    believed: NDArray[np.int64]

    @property
    def outlier(self) -> NDArray[np.bool_]:
        """(n,) whether each is an outlier."""
        return np.asarray(self.strength >= 1.0)


@dataclass(frozen=True, slots=True)
class LabelledFeatures:
    """What the methods judge by.

    Attributes:
        features: (n, width) pooled features, not negative.
        logits: (n, 1000) ImageNet logits.
        labels: (n, n_topics) 0 and 1, at least one 1 a row.
        sources: (n,) whose picture each is.
    """

    features: Floats
    logits: Floats
    labels: Floats
    sources: Sequence[str]


def find_outliers(method: Method, pictures: LabelledFeatures, seed: int = 0) -> Verdict:
    """Return what ``method`` says."""
    return METHODS[method](pictures, seed)


def by_centroid(pictures: LabelledFeatures, seed: int = 0) -> Verdict:
    """Return outliers by their distance from the topic's centroid in feature space.

    An outlier's distance is beyond the topic's mean distance by two standard deviations, the published VGG-19 way.
    """

    def excess(rows: NDArray[np.int64]) -> Doubles:
        mine = pictures.features[rows].astype(np.float64)
        return _excess(np.linalg.norm(mine - mine.mean(axis=0), axis=1))

    return _topic_by_topic(pictures.labels, excess)


def by_kmeans(pictures: LabelledFeatures, seed: int = 0) -> Verdict:
    """Return outliers by their distance from the nearest of the topic's k-means centres, in 128 principal components.

    An outlier's distance is beyond the mean distance in its cluster by two standard deviations, the way that was
    published with features of a convolutional network, PCA and k-means.
    """
    from sklearn.cluster import KMeans

    reduced = principal_components(pictures.features, COMPONENTS, seed)

    def excess(rows: NDArray[np.int64]) -> Doubles:
        mine = reduced[rows]
        n_clusters = CLUSTERS if len(rows) >= CLUSTERS * CLUSTERS else 1
        fitted = KMeans(n_clusters, n_init=4, random_state=seed).fit(mine)
        distance = np.linalg.norm(mine - fitted.cluster_centers_[fitted.labels_], axis=1)
        found = np.zeros(len(rows))
        for cluster in range(n_clusters):
            members = fitted.labels_ == cluster
            found[members] = _excess(distance[members])
        return found

    return _topic_by_topic(pictures.labels, excess)


def by_confidence(pictures: LabelledFeatures, seed: int = 0) -> Verdict:
    """Return outliers by how little a classifier that has not seen them, and their neighbours, agree with the label.

    Agreement is the mean of two numbers from 0 to 1: what a ridge classifier fitted without the picture and its copies
    gives to its topics, and the share of its nearest pictures with a topic of its own. A first round finds suspects;
    in the second the classifier trusts each picture by its agreement, so that wrong ones do not vouch for each other
    (after Northcutt, Jiang and Chuang 2021, "Confident Learning").
    """
    inputs = head_inputs(pictures.features, pictures.logits)
    groups = copies_of(inputs)
    return judge_agreement(inputs, pictures.labels, groups, seed)


def judge_agreement(inputs: Floats, labels: Floats, groups: NDArray[np.int64], seed: int = 0) -> Verdict:
    """Return outliers by agreement, pictures of one of ``groups`` (n,) never vouching for each other."""
    targets = labels / labels.sum(axis=1, keepdims=True)
    near = neighbour_agreement(inputs, labels, groups)
    reduced = principal_components(inputs, RIDGE_COMPONENTS, seed)
    first = held_out_scores(reduced, targets, groups, np.ones(len(inputs)))
    trust = np.clip((_given(first, labels) + near) / 2 / SUSPECT, 0.0, 1.0)
    second = held_out_scores(reduced, targets, groups, trust)
    agreement = np.clip((_given(second, labels) + near) / 2, 0.0, 1.0)
    # 1 at the limit, 0 with full agreement, 2 with none.
    high = (1.0 - agreement) / (1.0 - LEAST_AGREEMENT)
    strength = np.where(agreement < LEAST_AGREEMENT, 2.0 - agreement / LEAST_AGREEMENT, np.minimum(high, 1 - 1e-9))
    return Verdict(strength, second.argmax(axis=1).astype(np.int64))


def head_inputs(features: Floats, logits: Floats) -> Floats:
    """Return (n, width + 1000) roots of features at unit length, and of class probabilities at half of it."""
    roots = np.sqrt(np.maximum(features, 0.0) + 1e-6)
    unit = roots / np.linalg.norm(roots, axis=1, keepdims=True)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    classes = np.sqrt(powers / powers.sum(axis=1, keepdims=True) + 1e-6)
    joined: Floats = np.concatenate([unit, CLASS_SHARE * classes], axis=1, dtype=np.float32)
    return joined


def principal_components(inputs: Floats, components: int, seed: int) -> Floats:
    """Return (n, at most ``components``) float32 principal components of (n, width) inputs, centred."""
    from sklearn.decomposition import PCA

    if components >= min(inputs.shape):
        return np.asarray(inputs - inputs.mean(axis=0), dtype=np.float32)
    fitted = PCA(components, svd_solver="randomized", iterated_power=2, random_state=seed)
    return np.asarray(fitted.fit_transform(inputs), dtype=np.float32)


def held_out_scores(
    inputs: Floats, targets: Floats, groups: NDArray[np.int64], trust: Doubles, penalty: float = PENALTY
) -> Doubles:
    """Return (n, n_topics) what ridge regression says of each picture when fitted without its whole group.

    Exact, from one fit: for a group G with hat matrix H, the held-out residuals are (I - H_GG)^-1 times the fitted ones
    (Allen 1974 for single rows). Rows count by ``trust`` (n,), 0 to 1.
    """
    design = np.concatenate([inputs - inputs.mean(axis=0), np.full((len(inputs), 1), 0.3)], axis=1).astype(np.float64)
    gram = design.T @ (design * trust[:, None]) + penalty * np.eye(design.shape[1])
    inverse = np.linalg.inv(gram)
    fitted = design @ (inverse @ (design.T @ (targets * trust[:, None])))
    spread = design @ inverse
    residuals = targets - fitted
    held = np.empty_like(fitted)
    for rows in _rows_of(groups):
        hat = (spread[rows] @ design[rows].T) * trust[rows]
        held[rows] = targets[rows] - np.linalg.solve(np.eye(len(rows)) - hat, residuals[rows])
    return held


def neighbour_agreement(inputs: Floats, labels: Floats, groups: NDArray[np.int64]) -> Doubles:
    """Return (n,) the share, 0 to 1, of each picture's neighbours outside its group that have a topic of its own."""
    unit = inputs / np.linalg.norm(inputs, axis=1, keepdims=True)
    k = min(NEIGHBOURS, len(unit) - 1)
    if k < 1:
        return np.zeros(len(unit))
    agreement = np.empty(len(unit))
    for start in range(0, len(unit), _ROWS):
        rows = slice(start, start + _ROWS)
        cosine = unit[rows] @ unit.T
        cosine[groups[rows, None] == groups[None, :]] = -2.0
        nearest = np.argpartition(-cosine, k - 1, axis=1)[:, :k]
        similar = np.take_along_axis(cosine, nearest, axis=1)
        weight = np.where(similar > -2.0, np.exp(WARMTH * similar), 0.0)
        shares = (labels[nearest] * labels[rows, None, :]).max(axis=2)
        agreement[rows] = (shares * weight).sum(axis=1) / np.maximum(weight.sum(axis=1), 1e-12)
    return agreement


def copies_of(inputs: Floats) -> NDArray[np.int64]:
    """Return (n,) a number for each set of pictures that are copies of each other, directly or through others.

    Pictures of a set of more than ``MOST_COPIES`` get a number each.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    unit = inputs / np.linalg.norm(inputs, axis=1, keepdims=True)
    found = []
    for start in range(0, len(unit), _ROWS):
        first, second = np.nonzero(unit[start : start + _ROWS] @ unit.T >= COPIES)
        found.append(np.stack([first + start, second]))
    first, second = np.concatenate(found, axis=1)
    graph = coo_array((np.ones(len(first)), (first, second)), shape=(len(unit), len(unit)))
    groups = np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)
    many = np.bincount(groups)[groups] > MOST_COPIES
    groups[many] = len(unit) + np.flatnonzero(many)
    return groups


def _given(scores: Doubles, labels: Floats) -> Doubles:
    """Return (n,) the highest score among each picture's own topics."""
    return np.asarray(np.where(labels > 0, scores, -np.inf).max(axis=1))


def _rows_of(groups: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    order = np.argsort(groups, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(groups[order])) + 1)


def _excess(distance: Doubles) -> Doubles:
    """Return how far each distance is beyond the mean, in units of ``SIGMAS`` standard deviations, at least 0."""
    spread = max(float(distance.std()), 1e-12)
    return np.asarray(np.maximum((distance - distance.mean()) / (SIGMAS * spread), 0.0))


def _topic_by_topic(labels: Floats, excess: Callable[[NDArray[np.int64]], Doubles]) -> Verdict:
    """Return the least excess of each picture over its topics."""
    strength = np.full(len(labels), np.inf)
    for topic in range(labels.shape[1]):
        rows = np.flatnonzero(labels[:, topic] > 0)
        if len(rows):
            strength[rows] = np.minimum(strength[rows], excess(rows))
    return Verdict(strength, np.full(len(labels), -1, dtype=np.int64))


METHODS: Mapping[Method, Callable[[LabelledFeatures, int], Verdict]] = {
    "centroid": by_centroid,
    "kmeans": by_kmeans,
    "confidence": by_confidence,
}
