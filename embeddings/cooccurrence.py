"""How often hashtags and caption words are used, together and alone, in a corpus and in each of its topics."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from core.errors import BundleCorrupt, DataError
from embeddings.array_folder import open_array, open_words, staged_folder, write_array, write_json
from embeddings.sparse import CountMatrix, compress, open_counts
from embeddings.table import FORMAT_VERSION, read_facts

Ids = NDArray[np.integer[Any]]

MIN_POSTS = 3
MIN_AUTHORS = 3
BUNDLE_MIN_CELL = 2
SEED_SMOOTHING = 5.0
WORD_SMOOTHING = 10.0


@dataclass(frozen=True, slots=True)
class TokenisedPost:
    """A post as counting sees it.

    Attributes:
        hashtags: normal form, no duplicates.
        words: caption tokens without the hashtags; duplicates count once.
        author: a hash, or None where unknown.
    """

    hashtags: tuple[str, ...]
    words: tuple[str, ...] = ()
    author: str | None = None


@dataclass(frozen=True, slots=True)
class PostCounts:
    """Counts of one set of posts. Safe to share between threads.

    Attributes:
        n_posts: posts counted (weights summed and rounded, for a topic).
        tag_posts: (n_tags,) uint32 posts that carry each hashtag.
        word_posts: (n_words,) uint32 posts whose caption has each word.
        tag_tag: (n_tags, n_tags) posts that carry both; symmetric, the diagonal is empty.
        word_tag: (n_words, n_tags) posts whose caption has the word and that carry the hashtag.
    """

    n_posts: int
    tag_posts: NDArray[np.uint32]
    word_posts: NDArray[np.uint32]
    tag_tag: CountMatrix
    word_tag: CountMatrix


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts of a corpus, whole and by topic, over one vocabulary. Safe to share between threads.

    Attributes:
        tags: hashtags, most used first, ties in alphabetical order: so column order is order of popularity.
        words: caption words, in the same order.
        whole: counts of all posts.
        topics: topic names.
        by_topic: one set of counts a topic; a post counts with its weight.
    """

    tags: tuple[str, ...]
    words: tuple[str, ...]
    whole: PostCounts
    topics: tuple[str, ...] = ()
    by_topic: tuple[PostCounts, ...] = ()
    _tag_row: dict[str, int] = field(init=False, repr=False, compare=False)
    _word_row: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Index the vocabulary."""
        object.__setattr__(self, "_tag_row", {tag: row for row, tag in enumerate(self.tags)})
        object.__setattr__(self, "_word_row", {word: row for row, word in enumerate(self.words)})

    def tag_ids(self, tags: Iterable[str]) -> NDArray[np.int64]:
        """Return the columns of the hashtags that are known, in order."""
        return np.array([self._tag_row[tag] for tag in tags if tag in self._tag_row], dtype=np.int64)

    def word_ids(self, words: Iterable[str]) -> NDArray[np.int64]:
        """Return the rows of the different words that are known, in order of first use."""
        known = [self._word_row[word] for word in dict.fromkeys(words) if word in self._word_row]
        return np.array(known, dtype=np.int64)


def distinct_posts(posts: Iterable[TokenisedPost]) -> list[int]:
    """Return the numbers of the posts that are the first with their set of hashtags and their words.

    Pasted blocks and cross-posts would otherwise count as agreement between people.
    """
    seen: set[tuple[frozenset[str], tuple[str, ...]]] = set()
    firsts = []
    for number, post in enumerate(posts):
        key = (frozenset(post.hashtags), post.words)
        if key not in seen:
            seen.add(key)
            firsts.append(number)
    return firsts


def count_posts(
    posts: Sequence[TokenisedPost],
    *,
    topics: Sequence[str] = (),
    topic_weights: NDArray[np.floating[Any]] | None = None,
    min_posts: int = MIN_POSTS,
    min_authors: int = MIN_AUTHORS,
    min_cell: int = BUNDLE_MIN_CELL,
) -> Counts:
    """Return the counts of ``posts`` (count copies once: see ``distinct_posts``).

    Args:
        posts: all counted with weight 1 in the whole.
        topics: names of the columns of ``topic_weights``.
        topic_weights: (n_posts, n_topics) not negative; how much each post counts for each topic.
        min_posts: a hashtag or word needs this many posts.
        min_authors: and this many authors; posts of unknown authors count as one author each.
        min_cell: no co-occurrence below this is kept; weighted ones are rounded first.

    Raises:
        DataError: no hashtag reaches the limits, or the weights do not fit.
    """
    if topic_weights is not None and topic_weights.shape != (len(posts), len(topics)):
        wanted = [len(posts), len(topics)]
        raise DataError(f"topic weights of shape {list(topic_weights.shape)} where {wanted} was expected")
    tags = _vocabulary(((post.hashtags, post.author) for post in posts), min_posts, min_authors)
    words = _vocabulary(((post.words, post.author) for post in posts), min_posts, min_authors)
    if not tags:
        raise DataError(f"no hashtag is used in {min_posts} posts by {min_authors} authors: collect more posts")
    has_tag = _incidence([post.hashtags for post in posts], tags)
    has_word = _incidence([post.words for post in posts], words)
    ones = np.ones(len(posts))
    by_topic = []
    if topic_weights is not None:
        by_topic = [_weighted(has_tag, has_word, topic_weights[:, column], min_cell) for column in range(len(topics))]
    return Counts(tags, words, _weighted(has_tag, has_word, ones, min_cell), tuple(topics), tuple(by_topic))


def tags_given_seeds(counts: PostCounts, seeds: Ids, *, smoothing: float = SEED_SMOOTHING) -> NDArray[np.float32]:
    """Return (n_tags,) the mean over ``seeds`` s of count(s, t) / (n_s + smoothing), 0 to 1; zeros without seeds."""
    scores = np.zeros(counts.tag_posts.shape[0], dtype=np.float32)
    for seed in seeds:
        columns, together = counts.tag_tag.row(int(seed))
        scores[columns] += together / np.float32((int(counts.tag_posts[seed]) + smoothing) * len(seeds))
    return scores


def tags_given_words(counts: PostCounts, words: Ids, *, smoothing: float = WORD_SMOOTHING) -> NDArray[np.float32]:
    """Return (n_tags,) the mean over ``words`` w of count(w, t) / (n_w + smoothing), 0 to 1, weighted by rarity.

    The weight of a word is log(N / (1 + n_w)), at least 0; zeros when no word has any.
    """
    scores = np.zeros(counts.tag_posts.shape[0], dtype=np.float32)
    uses = [int(counts.word_posts[word]) for word in words]
    weights = [max(0.0, math.log(counts.n_posts / (1 + n))) if counts.n_posts else 0.0 for n in uses]
    total = sum(weights)
    if total <= 0:
        return scores
    for word, n, weight in zip(words, uses, weights, strict=True):
        columns, together = counts.word_tag.row(int(word))
        scores[columns] += together * np.float32(weight / (total * (n + smoothing)))
    return scores


def save_counts(counts: Counts, folder: Path) -> None:
    """Write ``counts`` as a folder, all or nothing.

    Raises:
        StorageError: the disk is full or the place cannot be written.
    """
    sets = [counts.whole, *counts.by_topic]
    with staged_folder(folder) as staging:
        write_json(staging / "tags.json", list(counts.tags))
        write_json(staging / "words.json", list(counts.words))
        for prefix, part in zip(_prefixes(len(counts.topics)), sets, strict=True):
            write_array(staging / f"{prefix}_tag_posts.npy", part.tag_posts)
            write_array(staging / f"{prefix}_word_posts.npy", part.word_posts)
            part.tag_tag.save(staging, f"{prefix}_tag_tag")
            part.word_tag.save(staging, f"{prefix}_word_tag")
        facts = {
            "format_version": FORMAT_VERSION,
            "kind": "post counts",
            "topics": list(counts.topics),
            "n_posts": [part.n_posts for part in sets],
            "cells": [[part.tag_tag.nnz, part.word_tag.nnz] for part in sets],
        }
        write_json(staging / "counts.json", facts)


def open_post_counts(folder: Path) -> Counts:
    """Return the counts in ``folder``; the arrays stay on disk and are mapped.

    Raises:
        BundleCorrupt: a file is missing, broken or does not fit the others.
        BundleMismatch: written by another format version.
    """
    facts = read_facts(folder / "counts.json", "post counts")
    tags, words = open_words(folder / "tags.json"), open_words(folder / "words.json")
    try:
        topics = tuple(str(name) for name in facts["topics"])
        sizes = [(int(n), int(a), int(b)) for n, (a, b) in zip(facts["n_posts"], facts["cells"], strict=True)]
        parts = []
        for prefix, (n_posts, tag_cells, word_cells) in zip(_prefixes(len(topics)), sizes, strict=True):
            part = PostCounts(
                n_posts=n_posts,
                tag_posts=open_array(folder / f"{prefix}_tag_posts.npy", (len(tags),), ("uint32",)),
                word_posts=open_array(folder / f"{prefix}_word_posts.npy", (len(words),), ("uint32",)),
                tag_tag=open_counts(folder, f"{prefix}_tag_tag", len(tags), len(tags), tag_cells),
                word_tag=open_counts(folder, f"{prefix}_word_tag", len(words), len(tags), word_cells),
            )
            parts.append(part)
    except (KeyError, TypeError, ValueError) as error:
        raise BundleCorrupt(f"{folder / 'counts.json'} lacks or garbles {error}; restore it or train again") from error
    return Counts(tags, words, parts[0], topics, tuple(parts[1:]))


def _prefixes(n_topics: int) -> list[str]:
    """Return the file prefixes of the whole and of each topic; numbered, as a topic's name need not be a file name."""
    return ["whole", *(f"topic{number}" for number in range(n_topics))]


def _vocabulary(
    uses: Iterable[tuple[tuple[str, ...], str | None]], min_posts: int, min_authors: int
) -> tuple[str, ...]:
    """Return the tokens within the limits, most used first, ties in alphabetical order."""
    posts: Counter[str] = Counter()
    nameless: Counter[str] = Counter()
    authors: dict[str, set[str]] = {}
    for tokens, author in uses:
        for token in set(tokens):
            posts[token] += 1
            if author is None:
                nameless[token] += 1
            else:
                authors.setdefault(token, set()).add(author)
    kept = [
        token
        for token, n in posts.items()
        if n >= min_posts and nameless[token] + len(authors.get(token, ())) >= min_authors
    ]
    return tuple(sorted(kept, key=lambda token: (-posts[token], token)))


def _incidence(token_lists: Sequence[tuple[str, ...]], vocabulary: tuple[str, ...]) -> Any:
    """Return the (n_posts, n_vocabulary) scipy matrix with a 1 where a post has a token."""
    column_of = {token: column for column, token in enumerate(vocabulary)}
    columns: list[int] = []
    starts = [0]
    for tokens in token_lists:
        columns.extend(sorted({column_of[token] for token in tokens if token in column_of}))
        starts.append(len(columns))
    ones = np.ones(len(columns), dtype=np.float64)
    cells = (ones, np.array(columns, dtype=np.int64), np.array(starts, dtype=np.int64))
    return sp.csr_matrix(cells, shape=(len(token_lists), len(vocabulary)))


def _weighted(has_tag: Any, has_word: Any, weights: NDArray[np.floating[Any]], min_cell: int) -> PostCounts:
    """Return the counts of the posts, each counting with its weight."""
    used = np.flatnonzero(weights > 0)
    scale = sp.diags_array(np.asarray(weights[used], dtype=np.float64))
    tags, words = has_tag[used], has_word[used]
    weighted_tags = scale @ tags
    together = (tags.T @ weighted_tags).tocsr()
    together.setdiag(0)
    return PostCounts(
        n_posts=round(float(weights.sum())),
        tag_posts=np.rint(np.asarray(weighted_tags.sum(axis=0)).ravel()).astype(np.uint32),
        word_posts=np.rint(np.asarray((scale @ words).sum(axis=0)).ravel()).astype(np.uint32),
        tag_tag=compress(together, max(1, min_cell)),
        word_tag=compress(words.T @ weighted_tags, max(1, min_cell)),
    )
