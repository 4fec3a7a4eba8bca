"""What a workspace's own feedback adds to the score of a hashtag: smoothed, bounded and fading.

Each time that somebody accepts, adds or rejects a hashtag counts by ``WEIGHTS``, and half as much after every
``HALF_LIFE_DAYS``. The sum s becomes BOUND * s / (|s| + SMOOTHING): one click moves a hashtag a little, a habit moves
it far, and nothing moves it further than ``BOUND``, in whose unit the learnt scores are. Days are whole, so that the
same request gets the same answer all day.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from typing import Literal, get_args

Verdict = Literal["accepted", "rejected", "added"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
WEIGHTS: dict[Verdict, float] = {"accepted": 1.0, "added": 1.0, "rejected": -0.5}
BOUND = 5.0
SMOOTHING = 2.0
HALF_LIFE_DAYS = 90
HORIZON_DAYS = 8 * HALF_LIFE_DAYS
"""Feedback that is older counts for nothing: it would be worth less than 1/256."""

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
