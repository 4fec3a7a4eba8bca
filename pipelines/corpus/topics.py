"""Topics of training posts: from the hashtags that mark them. Never used for a query."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import DataError
from core.posts import Post
from core.text.hashtags import normalise


def read_lexicon(path: Path) -> dict[str, frozenset[str]]:
    """Return topic -> the hashtags that mark a post as the topic's own.

    Raises:
        DataError: the file is not what docs/data.md describes.
    """
    try:
        topics = json.loads(path.read_text(encoding="utf-8"))["topics"]
        return {str(topic): frozenset(filter(None, map(normalise, entry["seeds"]))) for topic, entry in topics.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} is no topic lexicon ({error}); docs/data.md describes one") from error


def read_collecting(path: Path) -> dict[str, frozenset[str]]:
    """Return topic -> the hashtags that lead to it: those that mark its posts and those it is searched by.

    Raises:
        DataError: the file is not what docs/data.md describes.
    """
    seeds = read_lexicon(path)
    raw = json.loads(path.read_text(encoding="utf-8"))["topics"]
    try:
        searched = {topic: frozenset(filter(None, map(normalise, raw[topic].get("collect", ())))) for topic in seeds}
    except (TypeError, AttributeError) as error:
        raise DataError(f"{path} is no topic lexicon ({error}); docs/data.md describes one") from error
    return {topic: seeds[topic] | searched[topic] for topic in seeds}


def topics_of(posts: Sequence[Post], topics: Sequence[str], lexicon: dict[str, frozenset[str]]) -> NDArray[np.float32]:
    """Return (n_posts, n_topics) shares; each row sums to 1, or to 0 where nothing marks a topic.

    A post counts for each topic by how many of its hashtags mark it; the hashtag it was found under and a topic that
    a person gave count as one hashtag each. Topics without an entry in the lexicon get no posts.
    """
    column_of: dict[str, list[int]] = {}
    for column, topic in enumerate(topics):
        for tag in lexicon.get(topic, ()):
            column_of.setdefault(tag, []).append(column)
    marks = np.zeros((len(posts), len(topics)), dtype=np.float32)
    for row, post in enumerate(posts):
        found_under = () if post.query_tag is None or post.query_tag in post.hashtags else (post.query_tag,)
        for tag in (*post.hashtags, *found_under):
            for column in column_of.get(tag, ()):
                marks[row, column] += 1
        if post.topic in topics:
            marks[row, topics.index(post.topic)] += 1
    shares: NDArray[np.float32] = marks / np.maximum(1, marks.sum(axis=1, keepdims=True))
    return shares
