"""Posts as numbers, and random parts of them, for fitting the context embedding.

Every epoch shows another part of a post: 0 to ``max_seeds`` of its hashtags, its caption words less a dropped share,
and now and then its topics. The hashtags not shown are the targets, each with the same share of the post's weight 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embeddings.context import WORD, gram_buckets
from embeddings.cooccurrence import TokenisedPost

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ContextConfig:
    """Numbers of the fit of the context embedding.

    Attributes:
        dimensions: length of the vectors.
        epochs: passes over the posts.
        batch_posts: posts a step.
        learning_rate: peak of the one-cycle schedule of Adam.
        n_buckets: rows for character n-grams, shared by hash.
        max_seeds: most hashtags shown at a time.
        word_dropout: share of caption words left out, 0 to 1.
        topic_shown: how often a post's topics are part of its context, 0 to 1.
    """

    dimensions: int
    epochs: int
    batch_posts: int
    learning_rate: float
    n_buckets: int
    max_seeds: int
    word_dropout: float
    topic_shown: float


@dataclass(frozen=True, slots=True)
class TopicTablesConfig:
    """Numbers of the continuation for each topic, and of the topic head.

    Attributes:
        epochs: passes over a topic's posts.
        learning_rate: of Adam.
        pull: weight of the squared distance to the global rows, which keeps thin topics near them.
        min_posts: a hashtag's row moves when this much of its use is in the topic.
        head_epochs: passes over all posts for P(topic | context).
    """

    epochs: int
    learning_rate: float
    pull: float
    min_posts: float
    head_epochs: int


@dataclass(frozen=True, slots=True)
class Corpus:
    """Posts as numbers. Pairs (post, token) are sorted by post.

    Attributes:
        tokens: spelling of each different token, prefixed as in ``embeddings.context``.
        own_row: (n_tokens,) row of a token's own vector, -1 where it has none (too rare).
        gram_ids: buckets of all tokens, one after the other.
        gram_starts: (n_tokens + 1,) where each token's begin.
        word_post, word_token: caption words of posts.
        tag_post, tag_token, tag_target: hashtags of posts; target is the output row or -1.
        topics: (n_posts, n_topics) float32 shares of each post's topics, rows sum to 1 or 0.
    """

    tokens: list[str]
    own_row: Ints
    gram_ids: Ints
    gram_starts: Ints
    word_post: Ints
    word_token: Ints
    tag_post: Ints
    tag_token: Ints
    tag_target: Ints
    topics: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Batch:
    """The contexts and targets of some posts.

    Attributes:
        token: (m,) which token each entry shows; place: (m,) its post in the batch; weight: (m,) float32.
        topics: (b, n_topics) float32 share times the context's scale; zero rows where not shown.
        target_place, target: (h,) hidden hashtags; target_weight: (h,) float32, sums to 1 a post.
        posts: (b,) which posts these are.
    """

    token: Ints
    place: Ints
    weight: NDArray[np.float32]
    topics: NDArray[np.float32]
    target_place: Ints
    target: Ints
    target_weight: NDArray[np.float32]
    posts: Ints


def prepare_corpus(
    posts: Sequence[TokenisedPost],
    tags: Sequence[str],
    words: Sequence[str],
    topics: NDArray[np.float32],
    n_buckets: int,
) -> Corpus:
    """Return ``posts`` as numbers; ``tags`` are the outputs, and tags and ``words`` get vectors of their own."""
    own = {tag: row for row, tag in enumerate(tags)} | {WORD + word: len(tags) + row for row, word in enumerate(words)}
    number: dict[str, int] = {}
    word_pairs: list[tuple[int, int]] = []
    tag_pairs: list[tuple[int, int, int]] = []
    for place, post in enumerate(posts):
        word_pairs += [(place, number.setdefault(WORD + word, len(number))) for word in dict.fromkeys(post.words)]
        for tag in post.hashtags:
            target = own.get(tag, -1)
            tag_pairs.append((place, number.setdefault(tag, len(number)), target))
    grams = [
        gram_buckets(token.removeprefix(WORD), n_buckets) if n_buckets else np.zeros(0, np.int64) for token in number
    ]
    words_of = np.array(word_pairs, dtype=np.int64).reshape(-1, 2)
    tags_of = np.array(tag_pairs, dtype=np.int64).reshape(-1, 3)
    return Corpus(
        tokens=list(number),
        own_row=np.array([own.get(token, -1) for token in number], dtype=np.int64),
        gram_ids=np.concatenate([np.zeros(0, np.int64), *grams]),
        gram_starts=np.concatenate([[0], np.cumsum([len(ids) for ids in grams])]).astype(np.int64),
        word_post=words_of[:, 0],
        word_token=words_of[:, 1],
        tag_post=tags_of[:, 0],
        tag_token=tags_of[:, 1],
        tag_target=tags_of[:, 2],
        topics=topics,
    )


class EpochSampler:
    """Random parts of the posts of a corpus, batch by batch."""

    def __init__(self, corpus: Corpus, config: ContextConfig) -> None:
        """Sample from ``corpus``; posts without a predictable hashtag are never drawn."""
        self._corpus, self._config = corpus, config
        n_posts = corpus.topics.shape[0]
        self._n_tags = np.bincount(corpus.tag_post, minlength=n_posts)
        self._has_words = np.bincount(corpus.word_post, minlength=n_posts) > 0
        self._has_topic = corpus.topics.sum(axis=1) > 0
        self.usable = np.unique(corpus.tag_post[corpus.tag_target >= 0])

    def batches(self, posts: Ints, rng: np.random.Generator) -> list[Batch]:
        """Return one pass over ``posts`` in random order."""
        corpus, config = self._corpus, self._config
        n_posts = len(self._n_tags)
        n_shown = np.minimum(rng.integers(0, config.max_seeds + 1, n_posts), self._n_tags - 1)
        bare = ~self._has_words & (n_shown == 0)
        n_shown[bare] = np.minimum(1, self._n_tags[bare] - 1)
        # The rank of each hashtag in a random order of its own post.
        order = np.lexsort((rng.random(len(corpus.tag_post)), corpus.tag_post))
        first = np.concatenate([[0], np.cumsum(self._n_tags)])[:-1]
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order)) - first[corpus.tag_post[order]]
        shown = rank < n_shown[corpus.tag_post]
        silent = rng.random(n_posts) < config.word_dropout / 2  # the caption is not there at all
        kept = (rng.random(len(corpus.word_post)) >= config.word_dropout) & ~silent[corpus.word_post]
        with_topic = self._has_topic & (rng.random(n_posts) < config.topic_shown)
        hidden = ~shown & (corpus.tag_target >= 0)

        post_of = np.concatenate([corpus.word_post[kept], corpus.tag_post[shown]])
        token_of = np.concatenate([corpus.word_token[kept], corpus.tag_token[shown]])
        n_context = np.bincount(post_of, minlength=n_posts) + with_topic
        scale = (1 / np.sqrt(np.maximum(1, n_context))).astype(np.float32)
        n_hidden = np.bincount(corpus.tag_post[hidden], minlength=n_posts)

        shuffled = rng.permutation(posts)
        batch_of = np.full(n_posts, -1, np.int64)
        place_of = np.zeros(n_posts, np.int64)
        batch_of[shuffled] = np.arange(len(shuffled)) // config.batch_posts
        place_of[shuffled] = np.arange(len(shuffled)) % config.batch_posts
        n_batches = math.ceil(len(shuffled) / config.batch_posts)
        inputs = _split_by(batch_of[post_of], n_batches)
        hidden_at = np.flatnonzero(hidden)
        targets = [hidden_at[part] for part in _split_by(batch_of[corpus.tag_post[hidden_at]], n_batches)]
        result = []
        for number in range(n_batches):
            members = shuffled[number * config.batch_posts : (number + 1) * config.batch_posts]
            post, target = post_of[inputs[number]], targets[number]
            result.append(
                Batch(
                    token=token_of[inputs[number]],
                    place=place_of[post],
                    weight=scale[post],
                    topics=corpus.topics[members] * (scale * with_topic)[members, None],
                    target_place=place_of[corpus.tag_post[target]],
                    target=corpus.tag_target[target],
                    target_weight=(1 / n_hidden[corpus.tag_post[target]]).astype(np.float32),
                    posts=members,
                )
            )
        return result


def _split_by(group: Ints, n_groups: int) -> list[Ints]:
    """Return for each group the places that carry its number; -1 belongs to none."""
    order = np.argsort(group, kind="stable")
    bounds = np.searchsorted(group[order], np.arange(n_groups + 1))
    return [order[bounds[number] : bounds[number + 1]] for number in range(n_groups)]
