"""What a workspace's own feedback does: it moves the scores of hashtags, and brings hashtags of the workspace's own.

Each time that somebody accepts, adds or rejects a hashtag counts by ``WEIGHTS``, and half as much after every
``HALF_LIFE_DAYS``. The sum s becomes BOUND * s / (|s| + SMOOTHING): one click moves a hashtag a little, a habit moves
it far, and nothing moves it further than ``BOUND``, in whose unit the learnt scores are. Days are whole, so that the
same request gets the same answer all day.

A hashtag of the workspace's own is one that the bundle does not know: a brand, a shop's street, a campaign. All that
is known of it is how often it was added or accepted. So it starts at the median score of an answer's candidates, as if
the post said neither more nor less for it, and rises by what the feedback is worth: added once it stands about
twelfth, three times about fourth (val posts; docs/store.md says what that is worth).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.query import Query
from core.suggestions import Popularity
from recommend.safety import Blocked, withheld

Verdict = Literal["accepted", "rejected", "added"]
WEIGHTS: dict[Verdict, float] = {"accepted": 1.0, "added": 1.0, "rejected": -0.5}
BOUND = 5.0
SMOOTHING = 2.0
HALF_LIFE_DAYS = 90
HORIZON_DAYS = 8 * HALF_LIFE_DAYS
"""Feedback that is older counts for nothing: it would be worth less than 1/256."""
MOST_OWN_TAGS = 100
"""Own hashtags that one answer considers, those that feedback raises most; no answer holds more suggestions."""
UNKNOWN = Popularity(0, "niche", 0.0)
"""The popularity of a hashtag that no post of the bundle carries."""

Event = tuple[str, Verdict, int]
"""A hashtag in normal form, what was thought of it, and how many whole days ago, 0 or more."""


def adjustments(events: Iterable[Event]) -> dict[str, float]:
    """Return hashtag -> what its score gains or loses, between -``BOUND`` and ``BOUND``; the order does not matter."""
    by_tag: dict[str, list[float]] = defaultdict(list)
    for hashtag, verdict, age_days in events:
        if 0 <= age_days <= HORIZON_DAYS:
            by_tag[hashtag].append(WEIGHTS[verdict] * 0.5 ** (age_days / HALF_LIFE_DAYS))
    # fsum is exact, so that what is undone leaves no trace in the last digits.
    sums = {hashtag: math.fsum(weights) for hashtag, weights in by_tag.items()}
    return {hashtag: BOUND * s / (abs(s) + SMOOTHING) for hashtag, s in sums.items() if s}


@dataclass(frozen=True, slots=True)
class OwnTags:
    """The own hashtags of one answer.

    Attributes:
        base: the score that each of them starts from.
        leanings: hashtag -> what feedback adds to that, positive; most first.
    """

    base: float
    leanings: Mapping[str, float]

    def among(self, tags: Sequence[str], scores: NDArray[np.float32]) -> list[str]:
        """Return ``tags`` in their order, and each own hashtag behind all that have at least its score.

        Args:
            tags: the candidates, as ranked.
            scores: (n,) theirs; after diversity they need not fall.
        """
        merged = list(tags)
        falling = np.sort(-np.asarray(scores, dtype=np.float64))
        for n_before, (tag, leaning) in enumerate(self.leanings.items()):
            merged.insert(n_before + int(np.searchsorted(falling, -(self.base + leaning), side="right")), tag)
        return merged


NO_OWN_TAGS = OwnTags(0.0, {})


def own_tags(query: Query, known: Container[str], blocked: Blocked, scores: NDArray[np.float32]) -> OwnTags:
    """Return the own hashtags of a query's workspace that may be suggested beside candidates.

    Args:
        query: whose ``workspace`` holds what feedback is worth; exclusions, and seeds without a pin, are left out.
        known: the bundle's hashtags.
        blocked: hashtag to the category that it is never suggested for, or None.
        scores: (n,) of the candidates, without what feedback brought.
    """
    if not query.workspace or not len(scores):
        return NO_OWN_TAGS
    kept_back = withheld(query)
    liked = {tag: value for tag, value in query.workspace.items() if value > 0 and tag not in known}
    best = sorted(liked.keys() - kept_back, key=lambda tag: (-liked[tag], tag))[:MOST_OWN_TAGS]
    return OwnTags(float(np.median(scores)), {tag: liked[tag] for tag in best if blocked(tag) is None})
