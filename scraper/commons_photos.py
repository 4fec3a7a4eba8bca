"""Files of Wikimedia Commons to posts: pure functions over the MediaWiki API's JSON.

The API: https://www.mediawiki.org/wiki/API:Imageinfo; what ``extmetadata`` holds:
https://www.mediawiki.org/wiki/Extension:CommonsMetadata. Nobody wrote a caption with hashtags for these photographs:
the file's title and description become the caption, its visible categories, which are cataloguers' words, the hashtags.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from scraper.errors import PageBroken, PageUnreachable, TooManyRequests
from scraper.html_text import html_text
from scraper.licences import licence_code
from scraper.port import FoundPost

PHOTOGRAPH_TYPES = frozenset({"image/jpeg", "image/png", "image/webp"})
MAX_CAPTION = 2000
MAX_CATEGORY_WORDS = 3
_SLOW_DOWN = frozenset({"maxlag", "ratelimited", "actionthrottledtext"})
_ENDING = re.compile(r"\.[A-Za-z]{3,4}$")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_HAS_DIGIT = re.compile(r"\d")


def demand_answer(answer: Any, retry_after_s: float | None) -> Mapping[str, Any]:
    """Return the API's answer when it is one; errors come with HTTP status 200.

    Raises:
        TooManyRequests: the servers lag behind or the client is too fast.
        PageUnreachable: the servers have a fault of their own.
        PageBroken: another error, or no answer of this API.
    """
    if not isinstance(answer, Mapping):
        raise PageBroken("the answer is not that of a MediaWiki API")
    error = answer.get("error")
    if isinstance(error, Mapping):
        code = str(error.get("code", ""))[:60]
        if code in _SLOW_DOWN:
            raise TooManyRequests(f"the wiki asks to slow down ({code})", retry_after_s=retry_after_s)
        if code.startswith(("internal_api_error", "readonly")):
            raise PageUnreachable(f"the wiki has a fault of its own ({code})")
        raise PageBroken(f"the wiki did not understand the search ({code})")
    return answer


def files_of(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the files of one answer by their rank in the search.

    Raises:
        PageBroken: the answer holds something else than pages.
    """
    query = answer.get("query") or {}
    pages = query.get("pages") or [] if isinstance(query, Mapping) else None
    if not isinstance(pages, list) or not all(isinstance(page, Mapping) and "pageid" in page for page in pages):
        raise PageBroken("the search's answer has no list of pages")
    return sorted(pages, key=lambda page: page.get("index", 0) if isinstance(page.get("index"), int) else 0)


def joined(answers: Iterable[list[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Return files whose properties came in several answers, each once, with all their categories."""
    files: dict[Any, dict[str, Any]] = {}
    for page in (page for answer in answers for page in answer):
        file = files.setdefault(page["pageid"], {**page, "categories": []})
        file.update({name: value for name, value in page.items() if name != "categories"})
        categories = page.get("categories") or []
        file["categories"] += categories if isinstance(categories, list) else []
    return list(files.values())


def photographs(files: Iterable[Mapping[str, Any]], allowed: frozenset[str]) -> tuple[FoundPost, ...]:
    """Return those files that are photographs under an allowed licence."""
    found = (_photograph(file, allowed) for file in files)
    return tuple(post for post in found if post is not None)


def _photograph(file: Mapping[str, Any], allowed: frozenset[str]) -> FoundPost | None:
    infos = file.get("imageinfo")
    info = infos[0] if isinstance(infos, list) and infos and isinstance(infos[0], Mapping) else {}
    said = info.get("extmetadata")
    metadata: Mapping[str, Any] = said if isinstance(said, Mapping) else {}
    short = _value(metadata, "LicenseShortName")
    code = licence_code(_value(metadata, "License")) or licence_code(short)
    if code not in allowed or info.get("mime") not in PHOTOGRAPH_TYPES or _value(metadata, "Restrictions"):
        return None
    title = _ENDING.sub("", str(file.get("title", "")).partition(":")[2])
    described = html_text(_value(metadata, "ImageDescription"))
    author = html_text(_value(metadata, "Artist")) or str(info.get("user") or "")
    credit = html_text(_value(metadata, "Attribution")) or author
    page = str(info.get("descriptionurl") or "")
    addresses = (info.get("thumburl"), info.get("url"))
    return FoundPost(
        post_id=f"M{file['pageid']}",
        caption="\n".join(dict.fromkeys(filter(None, (title.replace("_", " ").strip(), described))))[:MAX_CAPTION],
        author=author or None,
        time=_time(info.get("timestamp")),
        hashtags=category_hashtags(file.get("categories") or ()),
        pictures=tuple(dict.fromkeys(address for address in addresses if isinstance(address, str) and address)),
        licence=short or code,
        attribution=", ".join(filter(None, (credit, short or code, page))),
    )


def category_hashtags(categories: Iterable[Any]) -> tuple[str, ...]:
    """Return categories as hashtags: at most three words written as one, none with a digit ("2019", "Canon EOS 5D")."""
    words = (
        _WORD.findall(category["title"].partition(":")[2])
        for category in categories
        if isinstance(category, Mapping) and isinstance(category.get("title"), str)
    )
    kept = ("".join(each) for each in words if 0 < len(each) <= MAX_CATEGORY_WORDS)
    return tuple(dict.fromkeys(hashtag for hashtag in kept if not _HAS_DIGIT.search(hashtag)))


def _value(metadata: Mapping[str, Any], name: str) -> str:
    entry = metadata.get(name)
    value = entry.get("value") if isinstance(entry, Mapping) else None
    return value if isinstance(value, str) else ""


def _time(value: Any) -> str | None:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()
