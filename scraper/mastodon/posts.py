"""Mastodon's and Pixelfed's statuses to posts: pure functions over decoded JSON.

Entities: https://docs.joinmastodon.org/entities/Status/ and https://docs.joinmastodon.org/entities/Account/. Pixelfed
sends the same names; it writes "" where Mastodon writes null, states a licence for each picture, and says a post's
kind in ``pf_type``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from core.text.markup import html_text
from scraper.errors import PageBroken
from scraper.foreign_json import as_list, as_object, as_text, time_of_text
from scraper.port import FoundPost
from scraper.top_hashtags import DayUse, RankedHashtag

# Words that people put into their profile where their software has no switch for it.
_DO_NOT_COLLECT = re.compile(r"#(?:nobots?|noindex|noarchive|nocrawl|nosearch|noai)\b", re.IGNORECASE)


def posts_of(statuses: Any, *, host: str) -> tuple[FoundPost, ...]:
    """Return the posts of a timeline that may be collected, in its order.

    Args:
        statuses: a list of Status entities.
        host: name of the instance that was asked; its own accounts are written without it.

    Raises:
        PageBroken: it is not a list, or an entry is not a status.
    """
    posts = []
    for status in _entries(statuses, "the timeline is not a list of statuses"):
        if not isinstance(status, Mapping) or not isinstance(status.get("account"), Mapping) or not status.get("id"):
            raise PageBroken("an entry of the timeline is not a status: it has no id or no account")
        if may_be_collected(status):
            posts.append(_post(status, host))
    return tuple(posts)


def may_be_collected(status: Mapping[str, Any]) -> bool:
    """Return whether a status is a person's own public post, and the person does not object.

    Left out: boosts, replies, everything that is not ``public``, what is marked sensitive or hidden behind a warning;
    accounts that are bots, locked, moved or suspended; accounts that say no to search engines (``noindex``), to being
    found in search (``indexable``) or in directories (``discoverable``), or write so into their profile. An account
    whose software has no such switch has not said no.
    """
    account: Mapping[str, Any] = status["account"]
    if status.get("reblog") or status.get("in_reply_to_id") or status.get("in_reply_to_account_id"):
        return False
    if status.get("visibility") != "public" or status.get("sensitive") or status.get("spoiler_text"):
        return False
    if any(account.get(flag) for flag in ("bot", "locked", "moved", "suspended", "limited", "noindex")):
        return False
    if account.get("indexable") is False or account.get("discoverable") is False:
        return False
    return not _DO_NOT_COLLECT.search(html_text(as_text(account.get("note"))))


def last_id(statuses: Any) -> str | None:
    """Return the id of the oldest status of a page, where the next page begins; None for an empty page."""
    ids = [str(status["id"]) for status in as_list(statuses) if as_object(status).get("id")]
    return ids[-1] if ids else None


def ranked_tags(tags: Any) -> tuple[RankedHashtag, ...]:
    """Return Tag entities with their use a day; see https://docs.joinmastodon.org/entities/Tag/.

    Raises:
        PageBroken: it is not a list, an entry is not a tag, or a history does not hold numbers.
    """
    ranked = []
    for tag in _entries(tags, "the hashtags are not a list"):
        if not isinstance(tag, Mapping) or not isinstance(tag.get("name"), str):
            raise PageBroken("an entry of the list of hashtags has no name")
        ranked.append(RankedHashtag(tag["name"], None, tuple(map(_day, as_list(tag.get("history"))))))
    return tuple(ranked)


def _entries(value: Any, problem: str) -> list[Any]:
    if not isinstance(value, list):
        raise PageBroken(problem)
    return value


def _day(entry: Any) -> DayUse:
    try:
        day = entry["day"]
        moment = day if isinstance(day, datetime) else datetime.fromtimestamp(int(day), UTC)
        return DayUse(moment.date().isoformat(), int(entry["uses"]), int(entry["accounts"]))
    except (TypeError, ValueError, KeyError, OverflowError, OSError) as error:
        raise PageBroken("a hashtag's history holds something that is not a day with its counts") from error


def _post(status: Mapping[str, Any], host: str) -> FoundPost:
    account: Mapping[str, Any] = status["account"]
    name = as_text(account.get("acct")) or as_text(account.get("username"))
    photographs = [media for media in as_list(status.get("media_attachments")) if _is_photograph(media)]
    licence = _common_licence(photographs)
    tags = (as_text(as_object(tag).get("name")) for tag in as_list(status.get("tags")))
    return FoundPost(
        post_id=_post_id(status, host),
        caption=html_text(as_text(status.get("content"))),
        author=(name if "@" in name else f"{name}@{host}") if name else None,
        time=time_of_text(status.get("created_at")),
        hashtags=tuple(filter(None, tags)),
        pictures=tuple(filter(None, (as_text(media.get("url") or media.get("preview_url")) for media in photographs))),
        licence=licence,
        attribution=name if licence and name else None,
    )


def _post_id(status: Mapping[str, Any], host: str) -> str:
    """Return the home instance and its id of the post: equal wherever the post was found, and without a name."""
    parts = urlsplit(as_text(status.get("uri")))
    last = parts.path.rstrip("/").rpartition("/")[2]
    if parts.hostname and last and not last.startswith("@"):
        return f"{parts.hostname}/{last}"
    return f"{host}/{status['id']}"


def _is_photograph(media: Any) -> bool:
    return isinstance(media, Mapping) and media.get("type") == "image" and not media.get("is_nsfw")


def _common_licence(photographs: Sequence[Mapping[str, Any]]) -> str | None:
    """Return the licence that all photographs of a post state, None where they differ or one of them states nothing."""
    stated = {_licence(media) for media in photographs}
    return stated.pop() if len(stated) == 1 else None


def _licence(media: Mapping[str, Any]) -> str | None:
    licence = media.get("license")
    if isinstance(licence, Mapping):
        licence = licence.get("title") or licence.get("name")
    return licence if isinstance(licence, str) and licence else None
