"""Posts as numbers, and what a random part of a post may show."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from embeddings.context import WORD, gram_buckets
from embeddings.context_corpus import Batch, ContextConfig, Corpus, EpochSampler, prepare_corpus
from embeddings.cooccurrence import TokenisedPost

TAGS, WORDS = ("dog", "cat", "sea", "sun"), ("walk", "swim")
CONFIG = ContextConfig(
    dimensions=4,
    epochs=1,
    batch_posts=3,
    learning_rate=0.01,
    n_buckets=11,
    max_seeds=2,
    word_dropout=0.3,
    topic_shown=0.5,
)
POSTS = [
    TokenisedPost(("dog", "cat"), ("walk", "rare", "walk")),
    TokenisedPost(("sea",)),
    TokenisedPost(("unheard", "sun"), ("swim",)),
    TokenisedPost(("unheard", "rare"), ("swim",)),
    TokenisedPost((), ("walk", "swim")),
    TokenisedPost(("sea", "sun", "dog", "cat")),
]
SHARES = np.array([[1, 0], [0, 1], [0, 1], [0, 0], [0.5, 0.5], [0.25, 0.75]], np.float32)


def corpus_of(posts: list[TokenisedPost] = POSTS, shares: NDArray[np.float32] = SHARES) -> Corpus:
    """Return posts as numbers."""
    return prepare_corpus(posts, TAGS, WORDS, shares, CONFIG.n_buckets)


def test_every_token_is_there_once_a_post() -> None:
    """Words without repetition, hashtags all; words are told from hashtags by their prefix."""
    corpus = corpus_of()
    words = Counter(
        (post, corpus.tokens[token]) for post, token in zip(corpus.word_post, corpus.word_token, strict=True)
    )
    assert words == Counter((n, WORD + word) for n, post in enumerate(POSTS) for word in set(post.words))
    tags = [(post, corpus.tokens[token]) for post, token in zip(corpus.tag_post, corpus.tag_token, strict=True)]
    assert tags == [(n, tag) for n, post in enumerate(POSTS) for tag in post.hashtags]


def test_targets_are_the_hashtags_of_the_vocabulary() -> None:
    """By row; -1 for the others, which have no vector of their own either."""
    corpus = corpus_of()
    spelt = [corpus.tokens[token] for token in corpus.tag_token]
    assert corpus.tag_target.tolist() == [TAGS.index(tag) if tag in TAGS else -1 for tag in spelt]
    own = dict(zip(corpus.tokens, corpus.own_row.tolist(), strict=True))
    assert own["dog"] == 0
    assert own[WORD + "walk"] == len(TAGS)
    assert own[WORD + "rare"] == own["unheard"] == -1


def test_grams_are_those_of_the_spelling_without_prefix() -> None:
    """A word and a hashtag of one spelling share them."""
    corpus = corpus_of()
    for number, token in enumerate(corpus.tokens):
        found = corpus.gram_ids[corpus.gram_starts[number] : corpus.gram_starts[number + 1]]
        assert found.tolist() == gram_buckets(token.removeprefix(WORD), CONFIG.n_buckets).tolist()
    without = prepare_corpus(POSTS, TAGS, WORDS, SHARES, 0)
    assert without.gram_ids.size == 0
    assert set(without.gram_starts.tolist()) == {0}


def test_posts_without_a_predictable_hashtag_are_not_used() -> None:
    """They can teach nothing."""
    assert EpochSampler(corpus_of(), CONFIG).usable.tolist() == [0, 1, 2, 5]


def contexts_and_targets(corpus: Corpus, batch: Batch, place: int) -> tuple[list[str], list[str]]:
    """Return what one post of a batch shows, and the hashtags it hides."""
    shown = [corpus.tokens[token] for token in batch.token[batch.place == place]]
    return shown, [TAGS[target] for target in batch.target[batch.target_place == place]]


TOKENS = st.lists(st.sampled_from([*TAGS, "unheard", "other"]), max_size=6, unique=True).map(tuple)
TEXTS = st.lists(st.sampled_from([*WORDS, "rare", "dog"]), max_size=5).map(tuple)


@given(
    posts=st.lists(st.builds(TokenisedPost, hashtags=TOKENS, words=TEXTS), min_size=1, max_size=8),
    max_seeds=st.integers(0, 4),
    dropout=st.sampled_from([0.0, 0.4, 1.0]),
    topic_shown=st.sampled_from([0.0, 0.5, 1.0]),
    seed=st.integers(0, 99),
)
def test_an_epoch_shows_a_part_and_asks_for_the_rest(
    posts: list[TokenisedPost], max_seeds: int, dropout: float, topic_shown: float, seed: int
) -> None:
    """Every usable post once, nothing hidden is shown, targets weigh 1 a post, scales are those of the formula."""
    config = replace(CONFIG, max_seeds=max_seeds, word_dropout=dropout, topic_shown=topic_shown)
    shares = np.random.default_rng(seed).dirichlet([1, 1], len(posts)).astype(np.float32)
    shares[::2] = 0
    corpus = corpus_of(posts, shares)
    sampler = EpochSampler(corpus, config)
    batches = sampler.batches(sampler.usable, np.random.default_rng(seed))
    drawn = [post for batch in batches for post in batch.posts.tolist()]
    assert sorted(drawn) == [n for n, post in enumerate(posts) if set(post.hashtags) & set(TAGS)]
    for batch in batches:
        assert 1 <= len(batch.posts) <= config.batch_posts
        for place, number in enumerate(batch.posts.tolist()):
            post = posts[number]
            shown, hidden = contexts_and_targets(corpus, batch, place)
            seeds = [token for token in shown if not token.startswith(WORD)]
            words = [token.removeprefix(WORD) for token in shown if token.startswith(WORD)]
            assert set(seeds) <= set(post.hashtags)
            assert set(words) <= set(post.words)
            assert len(shown) == len(set(shown))
            assert sorted([*hidden, *(tag for tag in seeds if tag in TAGS)]) == sorted(set(post.hashtags) & set(TAGS))
            most = max(max_seeds, 1 if not post.words else 0)
            assert len(seeds) <= min(most, len(post.hashtags) - 1)
            weights = batch.target_weight[batch.target_place == place]
            assert not hidden or float(weights.sum()) == pytest.approx(1.0, abs=1e-5)
            has_topic = bool(batch.topics[place].any())
            assert has_topic <= bool(shares[number].any())
            scale = 1 / np.sqrt(max(1, len(shown) + has_topic))
            assert batch.weight[batch.place == place].tolist() == pytest.approx([scale] * len(shown))
            if has_topic:
                assert batch.topics[place].tolist() == pytest.approx((shares[number] * scale).tolist(), abs=1e-6)


def test_a_post_of_hashtags_alone_always_shows_one_where_it_can() -> None:
    """An empty context would teach popularity only."""
    corpus = corpus_of()
    sampler = EpochSampler(corpus, CONFIG)
    for seed in range(20):
        for batch in sampler.batches(np.array([1, 5]), np.random.default_rng(seed)):
            for place, number in enumerate(batch.posts.tolist()):
                shown, _ = contexts_and_targets(corpus, batch, place)
                assert (len(shown) >= 1) == (number == 5)


def test_epochs_differ_and_repeat_with_their_seed() -> None:
    """Another part each time, the same ones in the same run."""
    sampler = EpochSampler(corpus_of(), replace(CONFIG, batch_posts=10))
    rng = np.random.default_rng(5)
    shown = [sampler.batches(sampler.usable, rng)[0].token.tolist() for _ in range(8)]
    rng = np.random.default_rng(5)
    again = [sampler.batches(sampler.usable, rng)[0].token.tolist() for _ in range(8)]
    assert shown == again
    assert len({tuple(sorted(one)) for one in shown}) > 1


def test_only_the_posts_asked_for_are_drawn() -> None:
    """None of them is no batch."""
    sampler = EpochSampler(corpus_of(), CONFIG)
    (batch,) = sampler.batches(np.array([5]), np.random.default_rng(1))
    assert batch.posts.tolist() == [5]
    assert set(batch.place.tolist()) | set(batch.target_place.tolist()) == {0}
    assert sampler.batches(np.zeros(0, np.int64), np.random.default_rng(1)) == []
