"""Hashtags that a workspace gives to its posts and the bundle does not know: a brand, a shop's street, a campaign.

All that is known of one is how often it was added or accepted. So it starts where the middle one of an answer's
candidates stands, as if the post said neither more nor less for it, and rises by what the feedback is worth: added
once it stands about twelfth, three times about fourth (val posts; docs/store.md says what that is worth).
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.query import Query
from core.suggestions import Parts, Popularity, Suggestion
from recommend.safety import Blocked

MOST = 100
"""Of those that feedback raises most; no answer holds more suggestions."""
UNKNOWN = Popularity(0, "niche", 0.0)
"""What is told of a hashtag that no post of the bundle carries."""


@dataclass(frozen=True, slots=True)
class OwnTags:
    """The own hashtags of one answer.

    Attributes:
        base: the score that each of them starts from.
        leanings: hashtag -> what feedback adds to that, positive; most first.
    """

    base: float
    leanings: Mapping[str, float]

    def among(self, ranked: Sequence[tuple[str, float]]) -> list[str]:
        """Return the hashtags of ``ranked`` in their order, and each own one behind all that have at least its score.

        Args:
            ranked: (hashtag, score) pairs; after diversity their scores need not fall.
        """
        tags = [tag for tag, _ in ranked]
        falling = np.sort(np.array([-score for _, score in ranked]))
        for n_before, (tag, leaning) in enumerate(self.leanings.items()):
            tags.insert(n_before + int(np.searchsorted(falling, -(self.base + leaning), side="right")), tag)
        return tags

    def suggestion(self, tag: str, display: str, because: tuple[str, ...], zero: float) -> Suggestion:
        """Return one of them as it is answered, ``zero`` added to its score as to all others."""
        base, leaning = self.base + zero, self.leanings[tag]
        return Suggestion(
            hashtag=tag,
            display=display,
            score=base + leaning,
            topic=None,
            parts=Parts(popularity=base, workspace=leaning),
            because=because,
            popularity=UNKNOWN,
        )


NONE = OwnTags(0.0, {})


def own_tags(query: Query, known: Container[str], blocked: Blocked, scores: NDArray[np.float32]) -> OwnTags:
    """Return the own hashtags of a query's workspace that may be suggested beside candidates.

    Args:
        query: whose ``workspace`` holds what feedback is worth; exclusions, and seeds without a pin, are left out.
        known: the bundle's hashtags.
        blocked: hashtag to the category that it is never suggested for, or None.
        scores: (n,) of the candidates, without what feedback brought.
    """
    if not query.workspace or not len(scores):
        return NONE
    kept_back = {*query.seeds, *query.options.exclude}.difference(query.options.pin)
    liked = [(-value, tag) for tag, value in query.workspace.items() if value > 0 and tag not in known]
    best = sorted(one for one in liked if one[1] not in kept_back)[:MOST]
    return OwnTags(float(np.median(scores)), {tag: -value for value, tag in best if blocked(tag) is None})
