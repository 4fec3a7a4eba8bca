"""What a recommender is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Routing = Literal["soft", "hard", "global"]
Scorer = Literal["learned", "in_out", "cosine"]
Tier = Literal["broad", "mid", "niche"]


@dataclass(frozen=True, slots=True)
class ImageEvidence:
    """What the classifier saw in one picture.

    Attributes:
        topics: (n_topics,) float32 calibrated probabilities in the bundle's topic order; they sum to 1.
        class_ids: (T,) int32 ImageNet class indices, most probable first; T is about 20.
        class_probabilities: (T,) float32 their probabilities, falling.
        energy: log-sum-exp of the topic logits, in nats: trained to be the log-odds of a photograph against noise,
            so low when the picture shows nothing (after Liu et al. 2020, "Energy-based Out-of-distribution
            Detection"). None when the evidence came from elsewhere.
    """

    topics: NDArray[np.float32]
    class_ids: NDArray[np.int32]
    class_probabilities: NDArray[np.float32]
    energy: float | None = None


@dataclass(frozen=True, slots=True)
class Options:
    """How an answer is to be made; every field has the default of the HTTP contract.

    Attributes:
        limit: suggestions wanted, 1 to 100.
        topic: overrides what picture and text say about the topic.
        routing: soft mixture of topic tables, the best topic's table alone, or no topics.
        scorer: the learnt ranker, Word2Vec in-out, or mean-vector cosine as published.
        diversity: 0 to 1, the weight of maximal marginal relevance (Carbonell and Goldstein 1998).
        exclude: never suggested (normal form).
        pin: always first, in this order (normal form).
        mix: how many suggestions of each popularity tier.
        language: BCP 47 primary tag whose hashtags are preferred, "any", or None for the caption's own.
        explain: whether ``because`` is filled.
    """

    limit: int = 20
    topic: str | None = None
    routing: Routing = "soft"
    scorer: Scorer = "learned"
    diversity: float = 0.2
    exclude: tuple[str, ...] = ()
    pin: tuple[str, ...] = ()
    mix: dict[Tier, int] | None = None
    language: str | None = None
    explain: bool = True


@dataclass(frozen=True, slots=True)
class Query:
    """One post to find hashtags for; any of the three inputs may be missing, but not all.

    Attributes:
        words: caption tokens as ``core.text.caption.caption_words`` makes them, hashtags taken out.
        seeds: hashtags given or found in the caption, in normal form, no duplicates.
        image: what the classifier saw, or None.
        options: how the answer is to be made.
        workspace: hashtag in normal form -> what the asker's own feedback adds to its learnt score, in the scores' unit
            and bounded (``recommend/workspace.py``); empty without feedback.
    """

    words: tuple[str, ...] = ()
    seeds: tuple[str, ...] = ()
    image: ImageEvidence | None = None
    options: Options = field(default_factory=Options)
    workspace: Mapping[str, float] = field(default_factory=dict)
