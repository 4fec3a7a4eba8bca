"""Tests of the way from a ranking to a list."""

from __future__ import annotations

import string
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from core.errors import InvalidOption
from core.query import Tier
from recommend.catalogue.tiers import TIERS
from recommend.diversity import KINSHIP, SAME_FORM, apply_mix, form_of, number_forms, rerank, with_pins

TAGS = st.lists(st.text(string.ascii_lowercase[:6], min_size=1, max_size=3), max_size=12)


def naive_rerank(scores: Any, vectors: Any, forms: Any, weight: float, k: int) -> list[int]:
    """Carbonell and Goldstein's formula, one pair at a time."""
    low, high = min(scores), max(scores)
    scaled = [(score - low) / (high - low) if high > low else 0.0 for score in scores]
    chosen: list[int] = []
    while len(chosen) < min(k, len(scores)):
        best, best_value = -1, -float("inf")
        for candidate in range(len(scores)):
            if candidate in chosen:
                continue
            nearest = 0.0
            for other in chosen:
                cosine = float(np.dot(vectors[candidate], vectors[other]))
                nearest = max(
                    nearest, SAME_FORM if forms[candidate] == forms[other] else (cosine - KINSHIP) / (1 - KINSHIP)
                )
            value = (1 - weight) * scaled[candidate] - weight * nearest
            if value > best_value + 1e-9:
                best, best_value = candidate, value
        chosen.append(best)
    return chosen


def unit_rows(generator: np.random.Generator, n: int) -> NDArray[np.float32]:
    """Return n vectors of length 1."""
    rows = generator.normal(size=(n, 8))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


@given(st.integers(0, 2**32 - 1), st.integers(1, 25), st.integers(0, 30), st.integers(0, 19).map(lambda n: n / 20))
def test_reranking_equals_its_naive_twin(seed: int, n: int, k: int, weight: float) -> None:
    """The vectorised order is the one that the formula gives pair by pair, without duplicates."""
    generator = np.random.default_rng(seed)
    scores, vectors = generator.normal(size=n), unit_rows(generator, n)
    forms = generator.integers(0, max(1, n // 2), size=n)
    order = rerank(scores, vectors, forms, weight, k).tolist()
    assert order == naive_rerank(scores, vectors, forms, weight, k)
    assert len(set(order)) == len(order) == min(n, k)


@given(st.lists(st.integers(-3, 3), max_size=20))
def test_weight_zero_is_the_order_of_the_scores(scores: list[int]) -> None:
    """Ties stay in the order given, whatever the vectors."""
    vectors = np.ones((len(scores), 1), dtype=np.float32)
    order = rerank(np.array(scores, dtype=np.float32), vectors, np.zeros(len(scores), dtype=np.int32), 0.0, 20)
    assert order.tolist() == sorted(range(len(scores)), key=lambda place: -scores[place])


def test_the_order_does_not_depend_on_the_range_of_the_scores() -> None:
    """Scores are scaled inside the head, so a ranker's unit does not matter."""
    generator = np.random.default_rng(5)
    scores, vectors, forms = generator.normal(size=15), unit_rows(generator, 15), np.arange(15)
    assert (rerank(scores, vectors, forms, 0.4, 15) == rerank(scores * 250 - 40, vectors, forms, 0.4, 15)).all()


def test_equal_scores_and_vectors_keep_their_order() -> None:
    """Nothing to choose by: first come, first served."""
    order = rerank(np.ones(5), np.zeros((5, 3), dtype=np.float32), np.arange(5), 0.5, 5)
    assert order.tolist() == [0, 1, 2, 3, 4]


def test_a_second_form_of_a_word_makes_room_for_another_word() -> None:
    """With some diversity dogs no longer follows dog, although it scores second."""
    tags = ("dog", "dogs", "sunset", "sky")
    scores, vectors = np.array([1.0, 0.9, 0.6, 0.0]), np.eye(4, dtype=np.float32)
    assert rerank(scores, vectors, number_forms(tags), 0.0, 4).tolist() == [0, 1, 2, 3]
    assert rerank(scores, vectors, number_forms(tags), 0.2, 4).tolist() == [0, 2, 1, 3]


def test_likeness_in_meaning_is_damped_too() -> None:
    """Of two candidates the one unlike the first comes second when diversity outweighs the scores."""
    vectors = np.array([[1, 0], [1, 0], [0, 1]], dtype=np.float32)
    scores, forms = np.array([1.0, 0.6, 0.5]), np.arange(3)
    assert rerank(scores, vectors, forms, 0.05, 3).tolist() == [0, 1, 2]
    assert rerank(scores, vectors, forms, 0.5, 3).tolist() == [0, 2, 1]


def test_nothing_to_rank_is_no_error() -> None:
    """An empty head gives an empty order."""
    empty = np.zeros(0, dtype=np.float32)
    assert rerank(empty, np.zeros((0, 4), dtype=np.float32), np.zeros(0, dtype=np.int32), 0.5, 5).size == 0


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("dog", "dogs"),
        ("dog", "instadog"),
        ("new_york", "newyork"),
        ("puppy", "puppies"),
        ("beach", "beaches"),
        ("insta_dogs", "dog"),
    ],
)
def test_forms_of_one_word_are_recognised(first: str, second: str) -> None:
    """Plurals, underscores and insta make no new word."""
    assert form_of(first) == form_of(second)


@pytest.mark.parametrize(
    ("first", "second"),
    [("dress", "dres"), ("paris", "pari"), ("virus", "viru"), ("dog", "dogwalk"), ("gas", "ga"), ("food", "foodie")],
)
def test_different_words_stay_different(first: str, second: str) -> None:
    """What only looks like a plural is none."""
    assert form_of(first) != form_of(second)


@given(TAGS, TAGS, st.lists(st.text(string.ascii_lowercase[:6], min_size=1, max_size=3), max_size=4))
def test_pins_come_first_and_exclusions_never(ranked: list[str], pins: list[str], exclude: list[str]) -> None:
    """Whatever is ranked: pins in their order, then the rest in its own, each hashtag once."""
    exclude = [tag for tag in exclude if tag not in pins]
    result = with_pins(ranked, pins, exclude)
    distinct = list(dict.fromkeys(pins))
    assert list(result[: len(distinct)]) == distinct
    assert not set(result) & set(exclude)
    assert len(set(result)) == len(result)
    rest = [tag for tag in dict.fromkeys(ranked) if tag not in pins and tag not in exclude]
    assert list(result[len(distinct) :]) == rest


def test_pinning_what_is_excluded_is_an_error() -> None:
    """The two wishes contradict each other."""
    with pytest.raises(InvalidOption, match="dog") as caught:
        with_pins(("cat",), ("dog",), {"dog"})
    assert caught.value.field == "pin"


def places_of(*names: str) -> list[int]:
    """Return the numbers of tiers, -1 for what is none."""
    return [TIERS.index(name) if name in TIERS else -1 for name in names]


def test_a_mix_takes_the_best_of_each_tier_in_the_order_of_rank() -> None:
    """Counts are met exactly where the list is long enough."""
    tiers = places_of("broad", "broad", "broad", "mid", "broad", "niche", "mid", "niche")
    places, notices = apply_mix(tiers, {"broad": 1, "mid": 2, "niche": 1}, 4)
    assert places == [0, 3, 5, 6]
    assert notices == ()


def test_what_a_mix_leaves_goes_to_the_tiers_it_does_not_name() -> None:
    """Two broad ones were asked for, so the third gives way to others of the list."""
    tiers = places_of("broad", "broad", "broad", "mid", "niche")
    assert apply_mix(tiers, {"broad": 2}, 4)[0] == [0, 1, 3, 4]
    assert apply_mix(tiers, {"broad": 2}, 5)[0] == [0, 1, 2, 3, 4]


def test_a_tier_of_which_none_were_asked_stays_out() -> None:
    """Rather a short list than one with what was refused."""
    assert apply_mix(places_of("broad", "niche", "broad"), {"broad": 0}, 3)[0] == [1]


def test_a_tier_that_cannot_be_filled_is_reported() -> None:
    """The notice tells how many there were, and the list is filled up by rank."""
    places, (notice,) = apply_mix(places_of("broad", "niche", "mid", "broad"), {"niche": 3}, 4)
    assert places == [0, 1, 2, 3]
    assert (notice.code, notice.field) == ("mix_not_filled", "mix.niche")
    assert "only 1 of the 3 niche" in notice.detail


def test_pins_stay_and_count_to_their_tiers() -> None:
    """A pin that nothing is known of takes a place, and a broad pin one of the broad places."""
    tiers = places_of("unknown", "broad", "broad", "mid", "mid", "broad")
    places, notices = apply_mix(tiers, {"broad": 1, "mid": 2}, 4, n_pinned=2)
    assert places == [0, 1, 3, 4]
    assert notices == ()


@pytest.mark.parametrize(("mix", "field"), [({"broad": 3, "mid": 2}, "mix"), ({"broad": 0, "niche": -1}, "mix.niche")])
def test_a_mix_that_cannot_be_is_refused(mix: dict[Tier, int], field: str) -> None:
    """More than the limit, or fewer than none."""
    with pytest.raises(InvalidOption) as caught:
        apply_mix([0, 1, 2], mix, 4)
    assert caught.value.field == field


@given(
    st.lists(st.integers(-1, 2), max_size=20),
    st.dictionaries(st.sampled_from(TIERS), st.integers(0, 5), max_size=3),
    st.integers(0, 10),
    st.integers(0, 4),
)
def test_a_mixed_list_respects_limit_counts_and_pins(
    tiers: list[int], mix: dict[Tier, int], spare: int, n_pinned: int
) -> None:
    """Each tier gets what was asked or all there is, no place twice, and the notices tell the truth."""
    limit = sum(mix.values()) + spare
    places, notices = apply_mix(tiers, mix, limit, n_pinned)
    n_pinned = min(n_pinned, len(tiers))
    assert places == sorted(set(places))
    assert len(places) <= limit
    assert places[:n_pinned] == list(range(min(n_pinned, limit)))
    found = [tiers[place] for place in places]
    short = {notice.field for notice in notices}
    for name, count in mix.items():
        tier = TIERS.index(name)
        assert (found.count(tier) < count) == (f"mix.{name}" in short)
        if n_pinned == 0:
            assert found.count(tier) >= min(count, tiers.count(tier))
            assert count > 0 or found.count(tier) == 0
    if 0 not in mix.values():
        assert len(places) == min(limit, len(tiers))


def test_without_a_mix_the_best_are_taken() -> None:
    """The limit alone decides."""
    assert apply_mix([0, 2, 1], None, 2) == ([0, 1], ())
