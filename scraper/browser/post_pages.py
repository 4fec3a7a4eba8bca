"""Pages of a photo-sharing site as posts and links: pure functions from HTML, the page's address and a site's profile.

Whatever HTML comes, the answer is a post, links, or one of ``scraper/errors.py``. What a page says of itself for
programs (schema.org data as JSON-LD, ``meta`` elements with OpenGraph among them) is written by whoever runs the page,
so anything may stand in it: what is not text is passed over, and nesting ends at a bound.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

from selectolax.lexbor import LexborHTMLParser, LexborNode

from core.text.markup import html_text
from scraper.browser.site_profile import FieldRule, SiteProfile
from scraper.errors import LoginWall, PageBroken
from scraper.port import FoundPost
from scraper.web.robots import PRODUCT, demand_indexing

MAX_DEPTH = 8
MAX_VALUES = 200
"""Texts taken from one property; a post has no more pictures or hashtags than this."""

_NAMES = ("alternateName", "name", "identifier", "url", "contentUrl", "value")
"""Where the text of a thing stands that is an object: a Person's name, an ImageObject's address."""
_PICTURE_FIELDS = ("contentUrl", "url", "thumbnailUrl")
# Types of schema.org that a post's page is about; https://schema.org/SocialMediaPosting, /ImageObject, /Photograph.
_POST_TYPES = frozenset(
    {"SocialMediaPosting", "ImageObject", "Photograph", "BlogPosting", "Article", "VideoObject", "CreativeWork"}
)
_SEPARATORS = re.compile(r"[,;\n]+|\s+(?=#)")


@dataclass(frozen=True, slots=True)
class ListPage:
    """An explore page as far as it is scrolled.

    Attributes:
        posts: the address of each post, in the order of the page.
        onward: address where the list goes on, or None where the page does not say.
        at_end: whether the page says that nothing more comes.
        walled: whether it wants visitors to log in, beside what it shows.
    """

    posts: tuple[str, ...]
    onward: str | None
    at_end: bool
    walled: bool


def read_list(html: str, address: str, profile: SiteProfile) -> ListPage:
    """Return what an explore page shows; a page without links is a list without posts.

    Raises:
        LoginWall: there are no posts, only a form to log in.
        PageRefused: its robots meta forbids keeping it.
    """
    page = LexborHTMLParser(html)
    demand_meta_indexing(page)
    onward = _link(page, profile.next_link, address) if profile.next_link else None
    posts = dict.fromkeys(
        profile.post_address(link)
        for node in page.css(profile.post_link)
        if (link := _absolute(node.attributes.get("href"), address)) and profile.allows(urlsplit(link).hostname or "")
    )
    walled = _is_walled(page, address, profile)
    if walled and not posts:
        raise _login_wall(profile)
    return ListPage(
        tuple(posts),
        onward if onward and profile.allows(urlsplit(onward).hostname or "") else None,
        bool(profile.end and page.css_first(profile.end) is not None),
        walled,
    )


def read_post(html: str, address: str, profile: SiteProfile) -> FoundPost:
    """Return the post that a page shows.

    Raises:
        LoginWall: the page is there to make visitors log in.
        PageRefused: its robots meta forbids keeping it.
        PageBroken: there is no post in it: no id, or neither a picture nor a caption.
    """
    page = LexborHTMLParser(html)
    demand_meta_indexing(page)
    data = read_structured_data(page)

    def values(field: str) -> tuple[str, ...]:
        for rule in profile.rules[field]:
            if found := _values(rule, page, data):
                return found
        return ()

    post_id = next(iter(values("id")), None) or _id_in_address(page, address, profile)
    caption = "\n".join(values("caption")[:1])
    pictures = tuple(dict.fromkeys(link for raw in values("pictures") if (link := _absolute(raw, address))))
    if post_id is None or not (caption or pictures):
        if _is_walled(page, address, profile):
            raise _login_wall(profile)
        lacking = "its id" if post_id is None else "a picture or a caption"
        raise PageBroken(f"a post page of {profile.name} lacks {lacking}", content=html.encode("utf-8", "replace"))
    return FoundPost(
        post_id=post_id,
        caption=caption,
        author=next(iter(values("author")), None),
        time=_iso_time(next(iter(values("time")), None)),
        hashtags=_hashtags(values("hashtags")),
        pictures=pictures,
        licence=next(iter(values("licence")), None),
        attribution=next(iter(values("attribution")), None),
    )


def demand_meta_indexing(page: LexborHTMLParser) -> None:
    """Return when a page's robots meta lets it be kept.

    Raises:
        PageRefused: it forbids.
    """
    for meta in page.css("meta[name][content]"):
        attributes = meta.attributes
        if (attributes.get("name") or "").strip().lower() in ("robots", PRODUCT):
            demand_indexing({"x-robots-tag": attributes.get("content") or ""})


def is_login_address(address: str, profile: SiteProfile) -> bool:
    """Return whether an address is where the site sends visitors to log in."""
    path = urlsplit(address).path
    return any(path == wall or path.startswith(wall.rstrip("/") + "/") for wall in profile.login_paths)


def _is_walled(page: LexborHTMLParser, address: str, profile: SiteProfile) -> bool:
    shown = profile.login_wall is not None and page.css_first(profile.login_wall) is not None
    return shown or is_login_address(address, profile)


def _login_wall(profile: SiteProfile) -> LoginWall:
    return LoginWall(f"{profile.name} shows no more without an account")


def _id_in_address(page: LexborHTMLParser, address: str, profile: SiteProfile) -> str | None:
    """Return the id in the address that the page calls its own, else in the one it was fetched from."""
    own = _link(page, 'link[rel="canonical"]', address)
    for candidate in (own, address):
        if candidate and (found := profile.post_id.search(urlsplit(candidate).path)):
            return found[1]
    return None


def _values(rule: FieldRule, page: LexborHTMLParser, data: StructuredData) -> tuple[str, ...]:
    if rule.markup == "jsonld":
        raws = data.property(rule.name)
    elif rule.markup == "meta":
        raws = data.metas.get(rule.name.lower(), ())
    else:
        raws = tuple(_shown(node, rule.attribute) for node in page.css(rule.name))
    if rule.pattern is not None:
        raws = tuple(found[1] or "" for raw in raws if (found := rule.pattern.search(raw)))
    return tuple(stripped for raw in raws if (stripped := raw.strip()))


def _shown(node: LexborNode, attribute: str | None) -> str:
    if attribute is not None:
        return node.attributes.get(attribute) or ""
    return html_text(node.html or "")


def _hashtags(raws: tuple[str, ...]) -> tuple[str, ...]:
    parts = (part.strip().lstrip("#") for raw in raws for part in _SEPARATORS.split(raw))
    return tuple(dict.fromkeys(part for part in parts if part))


def _link(page: LexborHTMLParser, selector: str, address: str) -> str | None:
    node = page.css_first(selector)
    return None if node is None else _absolute(node.attributes.get("href"), address)


def _absolute(raw: str | None, address: str) -> str | None:
    """Return a link as an http address without a fragment, or None when it is not one."""
    if not raw:
        return None
    try:
        link = urljoin(address, raw.strip())
        parts = urlsplit(link)
    except ValueError:
        return None
    return link.partition("#")[0] if parts.scheme in ("http", "https") and parts.hostname else None


def _iso_time(raw: str | None) -> str | None:
    """Return a moment as ISO 8601 with an offset; one without an offset counts as UTC; None for anything else."""
    if raw is None:
        return None
    try:
        moment = datetime.fromisoformat(raw.strip())
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()


# ---- what a page says of itself ------------------------------------------------------------------


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
        posts += _nested_posts(content)
    metas: dict[str, tuple[str, ...]] = {}
    for meta in page.css("meta[content]"):
        attributes = meta.attributes
        name = attributes.get("property") or attributes.get("name")
        content_text = attributes.get("content")
        if name and content_text:
            metas[name.lower()] = (*metas.get(name.lower(), ()), content_text)[:MAX_VALUES]
    return StructuredData(tuple(post for _, post in sorted(posts, key=lambda pair: pair[0])), metas)


def _nested_posts(content: object, depth: int = 0) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield (depth, object) of each post in schema.org data, lists and graphs included."""
    if depth > MAX_DEPTH:
        return
    if isinstance(content, list):
        for entry in content[:MAX_VALUES]:
            yield from _nested_posts(entry, depth)
    elif isinstance(content, dict):
        stated = content.get("@type")
        types = stated if isinstance(stated, list) else [stated]
        if any(isinstance(name, str) and name in _POST_TYPES for name in types):
            yield depth, content
        for key in ("@graph", "mainEntity", "mainEntityOfPage", "itemListElement", "item"):
            if key in content:
                yield from _nested_posts(content[key], depth + 1)


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
        for entry in value[:MAX_VALUES]:
            yield from _texts(entry, fields, depth + 1)
    elif isinstance(value, dict):
        for field in fields:
            if field in value and (found := list(_texts(value[field], fields, depth + 1))):
                yield from found
                return
