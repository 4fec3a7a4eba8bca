"""The topic lexicon: which hashtags mark a training post's topic, and which a topic is searched by.

Never used for a query. ``docs/data.md`` describes the file.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import DataError
from core.posts import Post
from core.text.hashtags import normalise
from pipelines.config.collect import load_collect_config

LEXICON_FILE = "topic_lexicon.json"


@dataclass(frozen=True, slots=True)
class TopicLexicon:
    """The hashtags of each topic, as they are written in the file.

    Attributes:
        seeds: topic -> hashtags that mark a post as the topic's own.
        collect: topic -> hashtags that the topic is searched by; a topic may have none.
    """

    seeds: Mapping[str, tuple[str, ...]]
    collect: Mapping[str, tuple[str, ...]]

    @property
    def marking(self) -> dict[str, frozenset[str]]:
        """Topic -> the hashtags, in normal form, that mark a post as the topic's own."""
        return {topic: _normal(hashtags) for topic, hashtags in self.seeds.items()}

    @property
    def leading(self) -> dict[str, frozenset[str]]:
        """Topic -> the hashtags, in normal form, that lead to it: those that mark it and those it is searched by."""
        return {topic: _normal((*self.seeds[topic], *self.collect.get(topic, ()))) for topic in self.seeds}

    def topic_by_hashtag(self) -> dict[str, str]:
        """Return hashtag -> the only topic that is searched by it, else the only one that it marks.

        A hashtag that several topics are searched by is decided by what it marks; one that decides nothing is left out.
        """
        found: dict[str, str] = {}
        for hashtags_of in (self.collect, self.seeds):
            topics_of_hashtag: dict[str, set[str]] = defaultdict(set)
            for topic in self.seeds:
                for hashtag in _normal(hashtags_of.get(topic, ())):
                    topics_of_hashtag[hashtag].add(topic)
            found = {tag: topics.pop() for tag, topics in topics_of_hashtag.items() if len(topics) == 1} | found
        return found

    def only(self, topics: Collection[str]) -> TopicLexicon:
        """Return the lexicon of some of its topics, in the order of ``topics``."""
        return replace(self, seeds={topic: self.seeds[topic] for topic in topics})

    def to_json(self) -> str:
        """Return the content of the file."""
        topics = {
            topic: {"collect": list(self.collect.get(topic, ())), "seeds": list(hashtags)}
            for topic, hashtags in self.seeds.items()
        }
        return json.dumps({"topics": topics}, indent=1, ensure_ascii=False)


def read_lexicon(path: Path) -> TopicLexicon:
    """Return the lexicon of a file.

    Raises:
        DataError: the file is not what docs/data.md describes.
    """
    try:
        return parse_lexicon(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} is not a topic lexicon ({error}); docs/data.md describes one") from error


def parse_lexicon(text: str) -> TopicLexicon:
    """Return the lexicon of a file's content.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: it is not what docs/data.md describes.
    """
    topics = {str(topic): entry for topic, entry in json.loads(text)["topics"].items()}
    lexicon = TopicLexicon(
        {topic: tuple(entry["seeds"]) for topic, entry in topics.items()},
        {topic: tuple(entry.get("collect", ())) for topic, entry in topics.items()},
    )
    # Whatever is not text fails here and not where the hashtags are used.
    _normal(hashtag for hashtags in (*lexicon.seeds.values(), *lexicon.collect.values()) for hashtag in hashtags)
    return lexicon


def lexicon_of_corpus(corpus: Path, chosen: Path | None = None) -> TopicLexicon:
    """Return the lexicon of ``chosen``, else the corpus's own, else the hashtags that ``tagsmith collect`` searches by.

    Raises:
        DataError: the file is not what docs/data.md describes.
    """
    own = corpus / LEXICON_FILE
    if chosen is not None or own.is_file():
        return read_lexicon(chosen or own)
    searched = load_collect_config().topics
    return TopicLexicon(searched, searched)


def lexicon_of_searches(searched: Mapping[str, tuple[str, ...]]) -> TopicLexicon:
    """Return the lexicon of topics that were searched by these hashtags, with the shipped marks of those we know."""
    shipped = parse_lexicon((files("pipelines") / LEXICON_FILE).read_text(encoding="utf-8")).seeds
    seeds = {topic: tuple(dict.fromkeys((*shipped.get(topic, ()), *tags))) for topic, tags in searched.items()}
    return TopicLexicon(seeds, searched)


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


def _normal(hashtags: Iterable[str]) -> frozenset[str]:
    return frozenset(filter(None, map(normalise, hashtags)))
