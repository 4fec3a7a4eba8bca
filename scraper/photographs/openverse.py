"""Photographs by a word from Openverse, a search over openly licensed pictures of many collections.

The API: https://api.openverse.org/v1/. Without a key it gives 20 pictures a page and 240 a word, and few searches a
day; what it says of that comes back as a request to slow down.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from scraper.errors import PageBroken
from scraper.foreign_json import as_list, as_object, as_text
from scraper.licences import licence_code
from scraper.photographs.word_search import KIND, PhotographSearch, json_of
from scraper.port import FoundPost, Page, Target, demand_kind

MAX_DEPTH = 240
"""Pictures of one search that can be had without a key."""
MAX_ANSWER_BYTES = 4 * 1024 * 1024
# Tags come from people and from programs that looked at the picture; unsure ones are left out.
MIN_ACCURACY = 0.9
MAX_TAG_WORDS = 3


class OpenverseSource(PhotographSearch):
    """A ``PageSource`` over Openverse's search for photographs."""

    name = "openverse"
    DEFAULT_INSTANCE = "https://api.openverse.org"
    MAX_PAGE = 20

    def address(self, target: Target) -> str:
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
        demand_kind(self.name, target, (KIND,))
        got = self._web.get(self.address(target), max_bytes=MAX_ANSWER_BYTES)
        answer = json_of(got)
        posts = photographs(answer, self._allowed)
        page = _page(target)
        n_pages = answer.get("page_count")
        if not isinstance(n_pages, int) or page >= n_pages or (page + 1) * self._limit > MAX_DEPTH:
            return Page(posts, (), len(got.body))
        return Page(posts, (target.at(str(page + 1)),), len(got.body))


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
