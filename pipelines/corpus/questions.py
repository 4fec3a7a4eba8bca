"""The questions that rankers learn from and are measured by: real posts with a part of their hashtags hidden.

A post's own id seeds what is hidden, so that the questions are the same for everyone who has the post.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from core.posts import Post
from core.query import ImageEvidence, Query
from core.text.caption import caption_words

IMAGE_TASKS = ("image", "image_caption", "image_caption_seeds")
MIN_TAGS = 4
"""Hashtags of a post in the task ``tags``."""
MIN_WORDS = 3
"""Caption words of a post in the tasks with a caption."""


@dataclass(frozen=True, slots=True)
class Question:
    """One query and what it should find.

    Attributes:
        task: ``tags``, ``caption`` or one of ``IMAGE_TASKS``.
        post_id: of the post it was made from.
        source: of that post.
        topic: a topic that a person gave the post, or None. Never part of the query.
        query: what is asked.
        hidden: the post's other hashtags, at least one.
        tag_origin: of the post.
    """

    task: str
    post_id: str
    source: str
    topic: str | None
    query: Query
    hidden: tuple[str, ...]
    tag_origin: str | None = None


def tags_question(post: Post, draw: int = 0) -> Question | None:
    """Return the post with 1 to 3 hashtags as seeds and no caption; None when it has fewer than ``MIN_TAGS``."""
    if len(post.hashtags) < MIN_TAGS:
        return None
    chance = _chance("tags", post.post_id, draw)
    return _ask("tags", post, (), chance.sample(post.hashtags, chance.randint(1, 3)))


def caption_question(post: Post, draw: int = 0, *, least_seeds: int = 0, most_seeds: int = 2) -> Question | None:
    """Return the post with its caption and some seeds; None when the caption has fewer than ``MIN_WORDS`` words.

    Args:
        post: to ask about.
        draw: which of its questions; evaluation asks number 0.
        least_seeds: fewest hashtags shown, where the post has one more than that.
        most_seeds: most hashtags shown.
    """
    words = caption_words(post.caption)
    if len(words) < MIN_WORDS or not post.hashtags:
        return None
    chance = _chance("caption", post.post_id, draw)
    n_seeds = min(chance.randint(least_seeds, most_seeds), len(post.hashtags) - 1)
    return _ask("caption", post, words, chance.sample(post.hashtags, n_seeds))


def image_question(post: Post, task: str, image: ImageEvidence) -> Question | None:
    """Return the post with its picture, by task also with its caption and 0 to 2 seeds; None when the part is missing.

    ``image_caption`` and ``image_caption_seeds`` ask the posts that have a caption of ``MIN_WORDS`` words.
    """
    if not post.hashtags:
        return None
    words = caption_words(post.caption) if task != "image" else ()
    if task != "image" and len(words) < MIN_WORDS:
        return None
    seeds: list[str] = []
    if task == "image_caption_seeds":
        chance = _chance(task, post.post_id, 0)
        seeds = chance.sample(post.hashtags, min(chance.randint(0, 2), len(post.hashtags) - 1))
    question = _ask(task, post, words, seeds)
    return replace(question, query=replace(question.query, image=image))


def questions(posts: Iterable[Post], make: Callable[[Post], Question | None]) -> Iterator[Question]:
    """Yield what ``make`` makes of each post, leaving out those it cannot use."""
    for post in posts:
        question = make(post)
        if question is not None:
            yield question


def _ask(task: str, post: Post, words: tuple[str, ...], seeds: list[str]) -> Question:
    hidden = tuple(tag for tag in post.hashtags if tag not in seeds)
    query = Query(words=words, seeds=tuple(seeds))
    return Question(task, post.post_id, post.source, post.topic, query, hidden, post.tag_origin)


def _chance(task: str, post_id: str, draw: int) -> random.Random:
    name = f"{task}:{post_id}" if draw == 0 else f"{task}:{post_id}:{draw}"
    return random.Random(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big"))
