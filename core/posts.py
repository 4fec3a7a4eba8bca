"""One collected post: what training reads, and the line of JSON that it is on disk."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Split = Literal["train", "val", "test"]

_OTHER_ENCODINGS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


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


def post_line(record: Mapping[str, Any]) -> bytes:
    """Return a record as one line of UTF-8; half a surrogate pair, which UTF-8 cannot hold, becomes "?"."""
    return json.dumps(record, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def parse_line(line: bytes) -> dict[str, Any]:
    """Return the record of one line, which may begin with a byte order mark.

    Raises:
        ValueError: the line holds no JSON object; the message says why and shows nothing of the line.
    """
    try:
        # Half a surrogate pair can be read and is replaced when it is written.
        text = line.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        encoding = _OTHER_ENCODINGS.get(line[:2], "another encoding")
        raise ValueError(f"not UTF-8 but {encoding}; save the file as UTF-8") from None
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("not valid JSON") from None
    if not isinstance(record, dict):
        raise ValueError("not a JSON object")
    return record
