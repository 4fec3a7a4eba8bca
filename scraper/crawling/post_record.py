"""The line that is kept of a post, from the post as a platform shows it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from core.text.hashtags import extract, normalise
from scraper.crawling.privacy import Privacy, clean_caption
from scraper.port import FoundPost, Target

MAX_ID = 200
"""Characters of a platform's id; a longer one is not taken for an id."""
MAX_CREDIT = 500


def post_record(found: FoundPost, source: str, target: Target, privacy: Privacy) -> dict[str, Any] | None:
    """Return the post's line without its picture, or None where it has no usable id.

    The author is hashed, the caption cleaned. Who has to be named under a licence stays named, because the licence
    asks for it.

    Args:
        found: as the platform gave it.
        source: the source's name.
        target: what led to the post.
        privacy: hashes the author.
    """
    if not found.post_id or len(found.post_id) > MAX_ID:
        return None
    caption = clean_caption(found.caption)
    beside = (hashtag for raw in found.hashtags if (hashtag := normalise(raw)) is not None)
    record: dict[str, Any] = {
        "id": f"{source}:{found.post_id}",
        "source": source,
        "caption": caption,
        "hashtags": list(dict.fromkeys((*extract(caption), *beside))),
        "author": privacy.author(source, found.author) if found.author else None,
        "time": _moment(found.time),
        "query_tag": target.query_tag,
    }
    if found.licence:
        record["licence"] = _plain(found.licence)
    if found.attribution:
        record["attribution"] = _plain(found.attribution)
    return record


def _moment(time: str | None) -> str | None:
    """Return a time that has an offset as ISO 8601, to the second; None for anything else."""
    try:
        moment = datetime.fromisoformat(time or "")
    except ValueError:
        return None
    return moment.isoformat(timespec="seconds") if moment.tzinfo is not None else None


def _plain(text: str) -> str:
    return " ".join(text[:MAX_CREDIT].split())
