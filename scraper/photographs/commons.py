"""Photographs of Wikimedia Commons by a word, with licence and author, through the MediaWiki API."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from scraper.errors import PageBroken
from scraper.licences import demand_codes
from scraper.photographs.commons_photos import demand_answer, files_of, joined, photographs
from scraper.photographs.word_search import demand_search, word_targets
from scraper.port import Page, Target, WebAnswer
from scraper.sources import SourceOptions

DEFAULT_INSTANCE = "https://commons.wikimedia.org"
MAX_PAGE = 50
"""Files a page, the most that the API gives to those without an account."""
PICTURE_WIDTH = 1280
"""Pixels: what a network looks at is far below, and originals have tens of megabytes."""
MAX_ANSWER_BYTES = 16 * 1024 * 1024
_MAX_PARTS = 20
_FILES = "6"  # the name space of files


class CommonsSource:
    """A ``PageSource`` over the search of Wikimedia Commons, or of another MediaWiki with CommonsMetadata."""

    name = "commons"

    def __init__(self, options: SourceOptions) -> None:
        """Ask ``options.instance`` (default commons.wikimedia.org) for photographs under ``options.licences``.

        Raises:
            InvalidOption: a licence is unknown.
        """
        self._web = options.web
        self._base = (options.instance or DEFAULT_INSTANCE).rstrip("/")
        self._allowed = demand_codes(options.licences)
        self._limit = max(1, min(options.page_size, MAX_PAGE))

    def targets(self, topic: str | None, hashtags: Sequence[str]) -> tuple[Target, ...]:
        """Return one search for each word."""
        return word_targets(topic, hashtags)

    def address(self, target: Target) -> str | None:
        """Return the address of the page's first part."""
        return self._address(target.value, _continuation(target.cursor))

    def fetch(self, target: Target) -> Page:
        """Return the photographs of one page of a search, and the target of the next page.

        A page's properties may come in parts; they are asked for one after another, and joined.
        """
        demand_search(self.name, target)
        onward = _continuation(target.cursor)
        parts = []
        n_bytes = 0
        for _ in range(_MAX_PARTS):
            got = self._web.get(self._address(target.value, onward), max_bytes=MAX_ANSWER_BYTES)
            n_bytes += len(got.body)
            answer = demand_answer(_json(got), _seconds(got.headers.get("retry-after")))
            parts.append(files_of(answer))
            onward = _next(answer)
            if not onward or answer.get("batchcomplete"):
                break
        else:
            raise PageBroken(f"the search for one page came in more than {_MAX_PARTS} parts")
        posts = photographs(joined(parts), self._allowed)
        cursor = json.dumps(onward, sort_keys=True) if onward else None
        targets = (Target(target.kind, target.value, target.topic, target.query_tag, cursor),) if cursor else ()
        return Page(posts, targets, n_bytes)

    def picture(self, address: str) -> bytes:
        """Return a photograph's bytes."""
        return self._web.get(address).body

    def close(self) -> None:
        """Do nothing: the web client belongs to the crawl."""

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


def _json(answer: WebAnswer) -> Any:
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        raise PageBroken("the wiki's answer is no JSON", content=answer.body) from error


def _seconds(value: str | None) -> float | None:
    return float(value) if value and value.isascii() and value.isdigit() and len(value) < 10 else None


def make(options: SourceOptions) -> CommonsSource:
    """Return the source; see :mod:`scraper.sources`."""
    return CommonsSource(options)
