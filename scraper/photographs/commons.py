"""Photographs of Wikimedia Commons by a word, with licence and author, through the MediaWiki API.

The API: https://www.mediawiki.org/wiki/API:Imageinfo; what ``extmetadata`` holds:
https://www.mediawiki.org/wiki/Extension:CommonsMetadata. Nobody wrote a caption with hashtags for these photographs:
the file's title and description become the caption, its visible categories, which are cataloguers' words, the hashtags.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

from core.text.markup import html_text
from scraper.errors import PageBroken, PageUnreachable, TooManyRequests
from scraper.foreign_json import as_list, as_object, as_text, time_of_text
from scraper.licences import licence_code
from scraper.photographs.word_search import KIND, PhotographSearch, json_of
from scraper.port import FoundPost, Page, Target, demand_kind
from scraper.web.client import retry_after_s

PICTURE_WIDTH = 1280
"""Pixels: what a network looks at is far below, and originals have tens of megabytes."""
MAX_ANSWER_BYTES = 16 * 1024 * 1024
PHOTOGRAPH_TYPES = frozenset({"image/jpeg", "image/png", "image/webp"})
MAX_CAPTION = 2000
MAX_CATEGORY_WORDS = 3
_MAX_PARTS = 20
_FILES = "6"  # the name space of files
_SLOW_DOWN = frozenset({"maxlag", "ratelimited", "actionthrottledtext"})
_ENDING = re.compile(r"\.[A-Za-z]{3,4}$")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_HAS_DIGIT = re.compile(r"\d")


class CommonsSource(PhotographSearch):
    """A ``PageSource`` over the search of Wikimedia Commons, or of another MediaWiki with CommonsMetadata."""

    name = "commons"
    DEFAULT_INSTANCE = "https://commons.wikimedia.org"
    MAX_PAGE = 50

    def address(self, target: Target) -> str:
        """Return the address of the page's first part."""
        return self._address(target.value, _continuation(target.cursor))

    def fetch(self, target: Target) -> Page:
        """Return the photographs of one page of a search, and the target of the next page.

        A page's properties may come in parts; they are asked for one after another, and joined.
        """
        demand_kind(self.name, target, (KIND,))
        onward = _continuation(target.cursor)
        parts = []
        n_bytes = 0
        for _ in range(_MAX_PARTS):
            got = self._web.get(self._address(target.value, onward), max_bytes=MAX_ANSWER_BYTES)
            n_bytes += len(got.body)
            answer = demand_answer(json_of(got), retry_after_s(got.headers.get("retry-after"), time.time()))
            parts.append(files_of(answer))
            onward = _next(answer)
            if not onward or answer.get("batchcomplete"):
                break
        else:
            raise PageBroken(f"the search for one page came in more than {_MAX_PARTS} parts")
        posts = photographs(joined(parts), self._allowed)
        targets = (target.at(json.dumps(onward, sort_keys=True)),) if onward else ()
        return Page(posts, targets, n_bytes)

    def _address(self, word: str, onward: Mapping[str, str]) -> str:
        question = {
            "action": "query",
            "format": "json",
            "formatversion": "2",
            "maxlag": "5",
            "generator": "search",
            "gsrsearch": f"{word} filetype:bitmap",
            "gsrnamespace": _FILES,
            "gsrlimit": str(self._limit),
            "prop": "imageinfo|categories",
            "iiprop": "url|mime|size|user|timestamp|extmetadata",
            "iiurlwidth": str(PICTURE_WIDTH),
            "iiextmetadatafilter": "License|LicenseShortName|Artist|Attribution|ImageDescription|Restrictions",
            "iiextmetadatalanguage": "en",
            "clshow": "!hidden",
            "cllimit": "max",
        }
        return f"{self._base}/w/api.php?{urlencode({**question, **onward})}"


def _next(answer: Mapping[str, Any]) -> dict[str, str]:
    onward = answer.get("continue") or {}
    if not isinstance(onward, Mapping):
        raise PageBroken("the search does not say where it goes on")
    return {str(name): str(value) for name, value in onward.items()}


def _continuation(cursor: str | None) -> dict[str, str]:
    return {} if cursor is None else {str(name): str(value) for name, value in json.loads(cursor).items()}


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
    pages = as_object(answer.get("query")).get("pages") or []
    if not isinstance(pages, list) or not all(isinstance(as_object(page).get("pageid"), int) for page in pages):
        raise PageBroken("the search's answer has no list of pages")
    return sorted(pages, key=lambda page: page.get("index", 0) if isinstance(page.get("index"), int) else 0)


def joined(answers: Iterable[list[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Return files whose properties came in several answers, each once, with all their categories."""
    files: dict[Any, dict[str, Any]] = {}
    for page in (page for answer in answers for page in answer):
        file = files.setdefault(page["pageid"], {**page, "categories": []})
        file.update({name: value for name, value in page.items() if name != "categories"})
        file["categories"] += as_list(page.get("categories"))
    return list(files.values())


def photographs(files: Iterable[Mapping[str, Any]], allowed: frozenset[str]) -> tuple[FoundPost, ...]:
    """Return those files that are photographs under an allowed licence."""
    found = (_photograph(file, allowed) for file in files)
    return tuple(post for post in found if post is not None)


def _photograph(file: Mapping[str, Any], allowed: frozenset[str]) -> FoundPost | None:
    info = as_object(next(iter(as_list(file.get("imageinfo"))), None))
    metadata = as_object(info.get("extmetadata"))
    short = _value(metadata, "LicenseShortName")
    code = licence_code(_value(metadata, "License")) or licence_code(short)
    if code not in allowed or as_text(info.get("mime")) not in PHOTOGRAPH_TYPES or _value(metadata, "Restrictions"):
        return None
    title = _ENDING.sub("", as_text(file.get("title")).partition(":")[2])
    described = html_text(_value(metadata, "ImageDescription"))
    author = html_text(_value(metadata, "Artist")) or as_text(info.get("user"))
    credit = html_text(_value(metadata, "Attribution")) or author
    page = as_text(info.get("descriptionurl"))
    addresses = (as_text(info.get("thumburl")), as_text(info.get("url")))
    return FoundPost(
        post_id=f"M{file['pageid']}",
        caption="\n".join(dict.fromkeys(filter(None, (title.replace("_", " ").strip(), described))))[:MAX_CAPTION],
        author=author or None,
        time=time_of_text(info.get("timestamp")),
        hashtags=category_hashtags(as_list(file.get("categories"))),
        pictures=tuple(dict.fromkeys(filter(None, addresses))),
        licence=short or code,
        attribution=", ".join(filter(None, (credit, short or code, page))),
    )


def category_hashtags(categories: Iterable[Any]) -> tuple[str, ...]:
    """Return categories as hashtags: at most three words written as one, none with a digit ("2019", "Canon EOS 5D")."""
    titles = (as_text(as_object(category).get("title")) for category in categories)
    words = (_WORD.findall(title.partition(":")[2]) for title in titles)
    kept = ("".join(each) for each in words if 0 < len(each) <= MAX_CATEGORY_WORDS)
    return tuple(dict.fromkeys(hashtag for hashtag in kept if not _HAS_DIGIT.search(hashtag)))


def _value(metadata: Mapping[str, Any], name: str) -> str:
    return as_text(as_object(metadata.get(name)).get("value"))
