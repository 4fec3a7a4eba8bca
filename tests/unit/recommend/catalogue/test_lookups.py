"""Tests of the look-ups over a vocabulary."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embeddings.cooccurrence import Counts, TokenisedPost, count_posts, open_post_counts, save_counts
from recommend.catalogue.lookups import TOPIC_SMOOTHING, Catalogue
from recommend.catalogue.tiers import BROAD_SHARE, NICHE_SHARE, TIERS

TOPICS = ("pets", "food")


def toy_counts() -> Counts:
    """Twelve dog posts, eight food posts, and two hashtags that both use alike."""
    posts = [TokenisedPost(("dog", "love", "puppy") if n < 6 else ("dog", "love")) for n in range(12)]
    posts += [TokenisedPost(("pizza", "love", "food") if n < 5 else ("pizza", "dogfood", "love")) for n in range(8)]
    weights = np.array([[1.0, 0.0]] * 12 + [[0.0, 1.0]] * 8)
    return count_posts(posts, topics=TOPICS, topic_weights=weights, min_authors=1, min_cell=1)


def counts_of(uses: list[int]) -> Counts:
    """A corpus in which hashtag ``t<n>`` stands alone in ``uses[n]`` posts."""
    posts = [TokenisedPost((f"t{n}",)) for n, count in enumerate(uses) for _ in range(count)]
    return count_posts(posts, min_posts=1, min_authors=1, min_cell=1)


def test_popularity_tells_posts_tier_and_the_share_used_less() -> None:
    """The most used hashtag is broad, and its percentile counts those strictly below."""
    catalogue = Catalogue(toy_counts())
    love = catalogue.popularity(0)
    assert (catalogue.tags[0], love.posts, love.tier) == ("love", 20, "broad")
    assert love.percentile == pytest.approx(5 / 6)
    rarest = catalogue.popularity(len(catalogue) - 1)
    assert (rarest.posts, rarest.tier, rarest.percentile) == (3, "niche", 0.0)


def test_an_id_leads_to_its_hashtag_and_back() -> None:
    """Ids are places in ``tags``; what is not in the vocabulary has none."""
    catalogue = Catalogue(toy_counts())
    assert [catalogue.tag_id(tag) for tag in catalogue.tags] == list(range(len(catalogue)))
    assert catalogue.tag_id("unheardof") is None


def test_hashtags_are_shown_as_the_given_function_shows_them() -> None:
    """``display`` asks what was injected."""
    catalogue = Catalogue(toy_counts(), display=str.title)
    assert catalogue.display("dogfood") == "Dogfood"


def test_the_log_prior_is_that_of_a_distribution() -> None:
    """Its exponentials sum to 1 and are in proportion to the posts."""
    catalogue = Catalogue(toy_counts())
    shares = np.exp(catalogue.log_prior.astype(np.float64))
    assert shares.sum() == pytest.approx(1.0, abs=1e-6)
    assert shares / shares[0] == pytest.approx(catalogue.posts / catalogue.posts[0], rel=1e-5)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=30))
def test_tiers_part_the_vocabulary_by_use(uses: list[int]) -> None:
    """A naive walk down the ranking gives the same tiers, and equal counts are never parted."""
    catalogue = Catalogue(counts_of(uses))
    total = sum(uses)
    ranked = sorted(uses, reverse=True)
    expected = []
    for posts in ranked:
        used_more = sum(other for other in ranked if other > posts)
        if used_more < BROAD_SHARE * total:
            expected.append("broad")
        elif used_more < (1 - NICHE_SHARE) * total:
            expected.append("mid")
        else:
            expected.append("niche")
    assert [TIERS[tier] for tier in catalogue.tier_of] == expected
    assert [float(p) for p in catalogue.percentile] == pytest.approx(
        [sum(other < posts for other in ranked) / len(ranked) for posts in ranked]
    )


def test_broad_hashtags_carry_about_half_of_all_use() -> None:
    """On a long-tailed vocabulary few are broad and most are niche."""
    catalogue = Catalogue(counts_of([max(1, 300 // rank) for rank in range(1, 200)]))
    use = [catalogue.posts[catalogue.tier_of == tier].sum() / catalogue.posts.sum() for tier in range(3)]
    sizes = [int((catalogue.tier_of == tier).sum()) for tier in range(3)]
    assert use[0] == pytest.approx(0.5, abs=0.05)
    assert sizes[0] < sizes[1] < sizes[2]


def test_a_topic_is_named_only_when_it_is_clear() -> None:
    """Words of all posts, slightly commoner in one topic or too seldom in it, belong nowhere."""
    pets = [("dog", "love", "rare")] * 2 + [("dog", "love", "sun")] * 4 + [("dog", "love")] * 4
    food = [("pizza", "love")] * 10
    others = [("love", "rare")] + [("love", "sun")] * 30 + [("love",)] * 369
    posts = [TokenisedPost(hashtags) for hashtags in (*pets, *food, *others)]
    weights = np.array([[1.0, 0.0]] * 10 + [[0.0, 1.0]] * 10 + [[0.0, 0.0]] * 400)
    catalogue = Catalogue(count_posts(posts, topics=TOPICS, topic_weights=weights, min_authors=1, min_cell=1))
    topics = {tag: catalogue.topic_of(number) for number, tag in enumerate(catalogue.tags)}
    assert topics == {"love": None, "sun": None, "dog": "pets", "pizza": "food", "rare": None}


def test_a_hashtag_of_two_topics_alike_has_no_topic() -> None:
    """Where two topics share a hashtag neither is clear, however rare it is elsewhere."""
    posts = (
        [TokenisedPost(("art", "photo"))] * 10 + [TokenisedPost(("art", "photo"))] * 10 + [TokenisedPost(("x",))] * 400
    )
    weights = np.array([[1.0, 0.0]] * 10 + [[0.0, 1.0]] * 10 + [[0.0, 0.0]] * 400)
    shared = Catalogue(count_posts(posts, topics=TOPICS, topic_weights=weights, min_authors=1, min_cell=1))
    assert shared.topic_of(shared.tags.index("art")) is None
    weights[10:20] = 0.0
    alone = Catalogue(count_posts(posts, topics=TOPICS, topic_weights=weights, min_authors=1, min_cell=1))
    assert alone.topic_of(alone.tags.index("art")) == "pets"


def test_the_topic_prior_equals_its_formula() -> None:
    """Mixture of smoothed shares, computed one hashtag at a time."""
    counts = toy_counts()
    catalogue = Catalogue(counts)
    total = sum(int(n) for n in counts.whole.tag_posts)
    prior = catalogue.topic_prior(np.array([0.75, 0.25]))
    for number in range(len(catalogue)):
        share = int(counts.whole.tag_posts[number]) / total
        expected = 0.0
        for weight, part in zip((0.75, 0.25), counts.by_topic, strict=True):
            uses = int(part.tag_posts[number])
            in_topic = sum(int(n) for n in part.tag_posts)
            expected += weight * (uses + TOPIC_SMOOTHING * share) / (in_topic + TOPIC_SMOOTHING)
        assert float(prior[number]) == pytest.approx(expected, rel=1e-5)


@given(st.lists(st.floats(0, 1e6, allow_subnormal=False), min_size=2, max_size=2))
def test_a_topic_prior_is_a_distribution_for_any_weights(weights: list[float]) -> None:
    """Weights need not sum to 1, and all zeros mean the corpus at large."""
    catalogue = Catalogue(toy_counts())
    prior = catalogue.topic_prior(np.array(weights))
    assert float(prior.sum()) == pytest.approx(1.0, abs=1e-5)
    assert (prior > 0).all()
    if not any(weights):
        assert np.log(prior) == pytest.approx(catalogue.log_prior, abs=1e-5)


def test_topic_priors_of_a_batch_equal_those_of_each_alone() -> None:
    """One row a query, all zeros among them."""
    catalogue = Catalogue(toy_counts())
    weights = np.array([[1.0, 0.0], [0.0, 0.0], [0.3, 0.7]])
    alone = np.stack([catalogue.topic_prior(row) for row in weights])
    assert catalogue.topic_prior(weights) == pytest.approx(alone, abs=1e-7)


def test_a_topic_raises_its_own_hashtags() -> None:
    """Pizza is more probable in food than in pets."""
    catalogue = Catalogue(toy_counts())
    pizza = catalogue.tags.index("pizza")
    pets, food = catalogue.topic_prior(np.eye(2))[:, pizza]
    assert food > pets


def test_without_topics_the_prior_is_that_of_the_corpus() -> None:
    """Counts without topics answer too."""
    catalogue = Catalogue(counts_of([3, 2, 1]))
    assert catalogue.topic_of(0) is None
    assert catalogue.topic_prior(np.zeros(0)) == pytest.approx([1 / 2, 1 / 3, 1 / 6], abs=1e-6)


def test_related_hashtags_are_those_used_together() -> None:
    """Strengths follow the formula, fall, and leave out the hashtag itself."""
    catalogue = Catalogue(toy_counts())
    related = catalogue.related("dog", 10)
    assert [tag for tag, _ in related] == ["love", "puppy"]
    assert related[0][1] == pytest.approx(12 / math.sqrt((12 + 5) * (20 + 5)))
    assert catalogue.related("dog", 1) == related[:1]
    assert catalogue.related("unheardof", 5) == []


@given(st.text(alphabet="dogpiz", max_size=4), st.integers(0, 8))
def test_completion_equals_a_plain_search(prefix: str, k: int) -> None:
    """The most used hashtags that start with the prefix, as a scan of the vocabulary finds them."""
    catalogue = Catalogue(toy_counts())
    assert catalogue.complete(prefix, k) == tuple(tag for tag in catalogue.tags if tag.startswith(prefix))[:k]


def test_completion_takes_what_people_type() -> None:
    """A hash sign and capitals do not matter."""
    assert Catalogue(toy_counts()).complete(" #Do", 5) == ("dog", "dogfood")


def test_counts_mapped_from_disk_give_the_same_answers(tmp_path: Path) -> None:
    """What a bundle holds is what was counted."""
    counts = toy_counts()
    save_counts(counts, tmp_path / "counts")
    fresh, mapped = Catalogue(counts), Catalogue(open_post_counts(tmp_path / "counts"))
    assert mapped.tags == fresh.tags
    assert [mapped.popularity(n) for n in range(len(mapped))] == [fresh.popularity(n) for n in range(len(fresh))]
    assert mapped.related("dog", 5) == fresh.related("dog", 5)
    assert [mapped.topic_of(n) for n in range(len(mapped))] == [fresh.topic_of(n) for n in range(len(fresh))]
