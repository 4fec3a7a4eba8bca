"""What a page says of itself for programs: schema.org data (JSON-LD) and ``meta`` elements (OpenGraph among them).

Both are written by whoever runs the page, so anything may stand in them: what is no text is passed over, and nesting
ends at a bound.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from selectolax.lexbor import LexborHTMLParser

MAX_DEPTH = 8
MAX_VALUES = 200
"""Texts taken from one property; a post has no more pictures or hashtags than this."""

_NAMES = ("alternateName", "name", "identifier", "url", "contentUrl", "value")
"""Where the text of a thing stands that is an object: a Person's name, an ImageObject's address."""
_PICTURE_FIELDS = ("contentUrl", "url", "thumbnailUrl")
# Types of schema.org that a post's page is about; https://schema.org/SocialMediaPosting, /ImageObject, /Photograph.
_POSTS = frozenset(
    {"SocialMediaPosting", "ImageObject", "Photograph", "BlogPosting", "Article", "VideoObject", "CreativeWork"}
)


@dataclass(frozen=True, slots=True)
class StructuredData:
    """A page's own data.

    Attributes:
        posts: schema.org objects that are a post, those that are one in full before those nested in them.
        metas: name or property of each ``meta`` element, lower case -> contents in their order.
    """

    posts: tuple[Mapping[str, Any], ...]
    metas: Mapping[str, tuple[str, ...]]

    def property(self, name: str) -> tuple[str, ...]:
        """Return the texts of a property of the first post that has it."""
        fields = _PICTURE_FIELDS if name in ("image", "contentUrl") else _NAMES
        for post in self.posts:
            if name in post and (found := tuple(_texts(post[name], fields))):
                return found[:MAX_VALUES]
        return ()


def read_structured_data(page: LexborHTMLParser) -> StructuredData:
    """Return what a parsed page says of itself."""
    posts: list[tuple[int, Mapping[str, Any]]] = []
    for script in page.css('script[type="application/ld+json"]'):
        try:
            content = json.loads(script.text(strip=True))
        except (ValueError, RecursionError):
            continue
        posts += _posts(content)
    metas: dict[str, tuple[str, ...]] = {}
    for meta in page.css("meta[content]"):
        attributes = meta.attributes
        name = attributes.get("property") or attributes.get("name")
        content_text = attributes.get("content")
        if name and content_text:
            metas[name.lower()] = (*metas.get(name.lower(), ()), content_text)[:MAX_VALUES]
    return StructuredData(tuple(post for _, post in sorted(posts, key=lambda pair: pair[0])), metas)


def _posts(content: object, depth: int = 0) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield (depth, object) of each post in schema.org data, lists and graphs included."""
    if depth > MAX_DEPTH:
        return
    if isinstance(content, list):
        for one in content[:MAX_VALUES]:
            yield from _posts(one, depth)
    elif isinstance(content, dict):
        types = content.get("@type")
        if any(isinstance(one, str) and one in _POSTS for one in (types if isinstance(types, list) else [types])):
            yield depth, content
        for key in ("@graph", "mainEntity", "mainEntityOfPage", "itemListElement", "item"):
            if key in content:
                yield from _posts(content[key], depth + 1)


def _texts(value: object, fields: Sequence[str], depth: int = 0) -> Iterator[str]:
    """Yield the texts of a value: itself, those of a list, or the first field of an object that has any."""
    if depth > MAX_DEPTH:
        return
    if isinstance(value, str):
        if value.strip():
            yield value.strip()
    elif isinstance(value, int) and not isinstance(value, bool):
        yield str(value)
    elif isinstance(value, list):
        for one in value[:MAX_VALUES]:
            yield from _texts(one, fields, depth + 1)
    elif isinstance(value, dict):
        for field in fields:
            if field in value and (found := list(_texts(value[field], fields, depth + 1))):
                yield from found
                return
