"""Instagram's posts as Instaloader hands them over, to posts: pure functions over decoded JSON.

Instagram describes a post in two ways, and Instaloader's saved ``.json.xz`` files hold either: the older web form
(``shortcode``, ``edge_media_to_caption``, ``display_url``, ``taken_at_timestamp``, ``owner``) and the form of the apps
and of today's web (``code``, ``caption``, ``image_versions2``, ``taken_at``, ``user``). The names are those that
Instaloader 4.16 reads (https://github.com/instaloader/instaloader, ``structures.py``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from scraper.errors import PageBroken
from scraper.foreign_json import as_object, time_of_seconds
from scraper.port import FoundPost

_VIDEO = 2


def found_post(node: Any) -> FoundPost | None:
    """Return a post with its photographs, or None where it has a video alone or belongs to a private account.

    The author is the account's name where Instagram tells it; lists under a hashtag tell its number only, and then the
    number stands for it.

    Raises:
        PageBroken: the post has no id.
    """
    if not isinstance(node, Mapping):
        raise PageBroken("a post is not an object")
    shortcode = node.get("shortcode") or node.get("code")
    if not isinstance(shortcode, str) or not shortcode:
        raise PageBroken("a post has no id: neither shortcode nor code")
    owner = as_object(node.get("owner")) or as_object(node.get("user"))
    pictures = tuple(dict.fromkeys(_pictures(node)))
    if not pictures or owner.get("is_private"):
        return None
    name = owner.get("username") or owner.get("id") or owner.get("pk")
    return FoundPost(
        post_id=shortcode,
        caption=_caption(node),
        author=str(name) if name else None,
        time=_time(node),
        pictures=pictures,
    )


def shortcodes_of(edges: Any) -> tuple[str, ...]:
    """Return the shortcodes of a list of posts that tells nothing else of them.

    Raises:
        PageBroken: it is not such a list.
    """
    codes = []
    for node in nodes_of(edges):
        code = node.get("code") or node.get("shortcode")
        if not isinstance(code, str) or not code:
            raise PageBroken("a post has no id: neither shortcode nor code")
        codes.append(code)
    return tuple(dict.fromkeys(codes))


def nodes_of(edges: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the posts of a list of edges.

    Raises:
        PageBroken: it is not such a list.
    """
    if not isinstance(edges, list):
        raise PageBroken("the posts are not a list")
    for edge in edges:
        node = edge.get("node") if isinstance(edge, Mapping) else None
        if not isinstance(node, Mapping):
            raise PageBroken("an entry of a list of posts holds no post")
        yield node


def section_nodes(sections: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the posts of a page made of sections, as places have it.

    Raises:
        PageBroken: it is not such a page.
    """
    if not isinstance(sections, list):
        raise PageBroken("a page of a place has no sections")
    for section in sections:
        medias = as_object(as_object(section).get("layout_content")).get("medias")
        if not isinstance(medias, list):
            raise PageBroken("a section of a place's page has no posts")
        for entry in medias:
            media = as_object(entry).get("media")
            if not isinstance(media, Mapping):
                raise PageBroken("an entry of a place's page holds no post")
            yield media


def _pictures(node: Mapping[str, Any]) -> Iterator[str]:
    """Yield the address of each photograph of a post, the largest form of each; of videos none."""
    children = as_object(node.get("edge_sidecar_to_children")).get("edges")
    parts: list[Any] = [as_object(edge).get("node") for edge in children] if isinstance(children, list) else []
    carousel = node.get("carousel_media")
    parts = parts or (carousel if isinstance(carousel, list) else [])
    for part in parts or [node]:
        address = _picture(as_object(part))
        if address:
            yield address


def _picture(node: Mapping[str, Any]) -> str | None:
    if node.get("is_video") or node.get("media_type") == _VIDEO:
        return None
    candidates = as_object(node.get("image_versions2")).get("candidates")
    best = as_object(candidates[0]).get("url") if isinstance(candidates, list) and candidates else None
    address = node.get("display_url") or node.get("display_src") or best
    return address if isinstance(address, str) and address else None


def _caption(node: Mapping[str, Any]) -> str:
    edges = as_object(node.get("edge_media_to_caption")).get("edges")
    if isinstance(edges, list) and edges:
        text = as_object(as_object(edges[0]).get("node")).get("text")
    else:
        caption = node.get("caption")
        text = caption.get("text") if isinstance(caption, Mapping) else caption
    return text if isinstance(text, str) else ""


def _time(node: Mapping[str, Any]) -> str | None:
    names = ("taken_at_timestamp", "taken_at", "date")
    return next((time for name in names if (time := time_of_seconds(node.get(name)))), None)
