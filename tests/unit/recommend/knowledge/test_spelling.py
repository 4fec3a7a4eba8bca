"""How alike hashtags are written, against cosines computed one pair at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embeddings.context import gram_buckets
from recommend.knowledge.spelling import N_BUCKETS, SpellingIndex

TAGS = ("hiking", "hikingadventures", "bikini", "coffee", "coffeelover", "café", "雪", "q")
INDEX = SpellingIndex(TAGS)


def grams(token: str) -> set[int]:
    """Return the different buckets of a token's n-grams."""
    return set(gram_buckets(token, N_BUCKETS).tolist())


def naive_cosine(tag: str, token: str, tags: Sequence[str]) -> float:
    """Return the cosine of two sets of n-grams, each weighted by log(N / hashtags that have it)."""
    having: dict[int, int] = {}
    for spelling in tags:
        for gram in grams(spelling):
            having[gram] = having.get(gram, 0) + 1

    def weight(gram: int) -> float:
        return math.log(len(tags) / max(1, having.get(gram, 0)))

    dot = sum(weight(gram) ** 2 for gram in grams(tag) & grams(token))
    lengths = [math.sqrt(sum(weight(gram) ** 2 for gram in grams(spelling))) for spelling in (tag, token)]
    return dot / (lengths[0] * lengths[1]) if min(lengths) > 0 else 0.0


@given(st.lists(st.one_of(st.sampled_from(TAGS), st.text(max_size=12)), max_size=3))
def test_likeness_equals_the_best_cosine_of_a_naive_twin(tokens: list[str]) -> None:
    """For any tokens, known, unknown, empty or half a surrogate."""
    likeness = INDEX.likeness(tokens)
    for tag, value in zip(TAGS, likeness.tolist(), strict=True):
        wanted = max((naive_cosine(tag, token, TAGS) for token in tokens), default=0.0)
        assert value == pytest.approx(wanted, abs=1e-5)


def test_a_hashtag_is_most_like_itself_and_then_like_its_compounds() -> None:
    """1 to itself; hikingadventures before bikini."""
    likeness = dict(zip(TAGS, INDEX.likeness(["hiking"]).tolist(), strict=True))
    assert likeness["hiking"] == pytest.approx(1.0, abs=1e-6)
    assert likeness["hikingadventures"] > likeness["bikini"] > likeness["coffee"] == 0.0


def test_an_index_of_one_or_no_hashtag_answers() -> None:
    """What everybody has tells nobody apart."""
    assert SpellingIndex(()).likeness(["dog"]).shape == (0,)
    assert SpellingIndex(("dog",)).likeness(["dog"]).tolist() == [0.0]
