"""Photographs by a word from Openverse, a search over openly licensed pictures of many collections.

The API: https://api.openverse.org/v1/. Without a key it gives 20 pictures a page and 240 a word, and few searches a
day; what it says of that comes back as a request to slow down.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from scraper.errors import PageBroken
from scraper.foreign_json import as_list, as_object, as_text
from scraper.licences import demand_codes, licence_code
from scraper.photographs.word_search import demand_search, word_targets
from scraper.port import FoundPost, Page, Target
from scraper.sources import SourceOptions

DEFAULT_INSTANCE = "https://api.openverse.org"
MAX_PAGE = 20
MAX_DEPTH = 240
"""Pictures of one search that can be had without a key."""
MAX_ANSWER_BYTES = 4 * 1024 * 1024
# Tags come from people and from programs that looked at the picture; unsure ones are left out.
MIN_ACCURACY = 0.9
MAX_TAG_WORDS = 3


class OpenverseSource:
    """A ``PageSource`` over Openverse's search for photographs."""

    name = "openverse"

    def __init__(self, options: SourceOptions) -> None:
        """Ask ``options.instance`` (default api.openverse.org) for photographs under ``options.licences``.

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
        """Return the address of the page."""
        question = {
            "q": target.value,
            "category": "photograph",
            "license": ",".join(sorted("pdm" if code == "pd" else code for code in self._allowed)),
            "mature": "false",
            "page": str(_page(target)),
            "page_size": str(self._limit),
        }
        return f"{self._base}/v1/images/?{urlencode(question)}"

    def fetch(self, target: Target) -> Page:
        """Return the photographs of one page of a search, and the target of the next page."""
        demand_search(self.name, target)
        address = self.address(target)
        assert address is not None
        got = self._web.get(address, max_bytes=MAX_ANSWER_BYTES)
        try:
            answer = json.loads(got.body)
        except (ValueError, RecursionError) as error:
            raise PageBroken("Openverse's answer is no JSON", content=got.body) from error
        posts = photographs(answer, self._allowed)
        page = _page(target)
        n_pages = answer.get("page_count")
        if not isinstance(n_pages, int) or page >= n_pages or (page + 1) * self._limit > MAX_DEPTH:
            return Page(posts, (), len(got.body))
        onward = Target(target.kind, target.value, target.topic, target.query_tag, str(page + 1))
        return Page(posts, (onward,), len(got.body))

    def picture(self, address: str) -> bytes:
        """Return a photograph's bytes."""
        return self._web.get(address).body

    def close(self) -> None:
        """Do nothing: the web client belongs to the crawl."""


def photographs(answer: Any, allowed: frozenset[str]) -> tuple[FoundPost, ...]:
    """Return a search's photographs under an allowed licence, in its order.

    The title becomes the caption, the tags become the hashtags; neither was written as a post.

    Raises:
        PageBroken: the answer is not that of a search.
    """
    results = as_object(answer).get("results")
    if not isinstance(results, list) or not all(as_text(as_object(image).get("id")) for image in results):
        raise PageBroken("Openverse's answer has no list of results")
    return tuple(
        _post(image)
        for image in results
        if licence_code(as_text(image.get("license"))) in allowed and not image.get("mature")
    )


def _post(image: Mapping[str, Any]) -> FoundPost:
    licence = " ".join(filter(None, (_licence_name(image), as_text(image.get("license_version")))))
    credit = as_text(image.get("attribution")) or ", ".join(filter(None, (as_text(image.get("creator")), licence)))
    return FoundPost(
        post_id=image["id"],
        caption=as_text(image.get("title")),
        author=as_text(image.get("creator")) or None,
        hashtags=_hashtags(as_list(image.get("tags"))),
        pictures=tuple(filter(None, (as_text(image.get("url")), as_text(image.get("thumbnail"))))),
        licence=licence,
        attribution=", ".join(filter(None, (credit, as_text(image.get("foreign_landing_url"))))),
    )


def _licence_name(image: Mapping[str, Any]) -> str:
    code = licence_code(as_text(image.get("license")))
    return {"cc0": "CC0", "pd": "Public domain"}.get(str(code), f"CC {str(code).upper()}")


def _hashtags(tags: list[Any]) -> tuple[str, ...]:
    sure = (as_object(tag) for tag in tags if _sure(as_object(tag).get("accuracy")))
    words = (as_text(tag.get("name")).split() for tag in sure)
    return tuple(dict.fromkeys("".join(each) for each in words if 0 < len(each) <= MAX_TAG_WORDS))


def _sure(accuracy: Any) -> bool:
    return accuracy is None or (isinstance(accuracy, int | float) and accuracy >= MIN_ACCURACY)


def _page(target: Target) -> int:
    return int(target.cursor or 1)


def make(options: SourceOptions) -> OpenverseSource:
    """Return the source; see :mod:`scraper.sources`."""
    return OpenverseSource(options)
