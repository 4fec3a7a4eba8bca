"""One collected post: what training reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Split = Literal["train", "val", "test"]


@dataclass(frozen=True, slots=True)
class Post:
    """A post as collected.

    Attributes:
        post_id: unique within the corpus; query sampling is seeded by it.
        source: where it was collected; figures are reported per source.
        caption: the text with hashtags left where they stood, "" when the source kept tags only.
        hashtags: in normal form, without ``#``, in the order of use, no duplicates.
        author: a hash of the author's name, never the name.
        time: ISO 8601, or None.
        query_tag: the hashtag the post was found under. Evidence of a training post's topic, never of a query's.
        split: given by the data, or None when the pipeline is to choose.
        image: the photograph's file, or None.
        topic: a label a person gave, or None.
        tag_origin: how the hashtags got there (``inline``, ``frontmatter``), or None.
    """

    post_id: str
    source: str
    caption: str
    hashtags: tuple[str, ...]
    author: str | None = None
    time: str | None = None
    query_tag: str | None = None
    split: Split | None = None
    image: Path | None = None
    topic: str | None = None
    tag_origin: str | None = None
