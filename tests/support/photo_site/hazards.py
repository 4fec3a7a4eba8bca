"""What else is linked on the site's explore pages: pages that must not be fetched, cannot be kept, or never end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tests.support.photo_site.world import SitePost

Kind = Literal[
    "private",
    "redirect_private",
    "redirect_away",
    "noindex_header",
    "noindex_meta",
    "gone",
    "garbage",
    "not_a_page",
    "cut_off",
    "slow",
    "huge",
    "endless",
    "stuck",
]
LASTING: frozenset[Kind] = frozenset({"slow", "endless", "stuck"})
"""Those that only a time limit ends."""


@dataclass(frozen=True, slots=True)
class Hazard:
    """One such page.

    Attributes:
        kind: what is wrong with it.
        path: where it is linked to.
        listed_under: the hashtag whose explore page links to it.
    """

    kind: Kind
    path: str
    listed_under: str


_UNDER: dict[Kind, str] = {
    "private": "dog",
    "redirect_private": "cat",
    "redirect_away": "necklace",
    "noindex_header": "travel",
    "noindex_meta": "baby",
    "gone": "selfie",
    "garbage": "art",
    "not_a_page": "food",
    "cut_off": "building",
    "slow": "sunset",
    "huge": "fashion",
    "endless": "nature",
    "stuck": "shoes",
}


def build_hazards(*, lasting: bool) -> tuple[Hazard, ...]:
    """Return all hazards; without ``lasting``, only those that end by themselves."""
    return tuple(
        Hazard(kind, "/private/p/hazard0private/" if kind == "private" else f"/p/hazard0{kind.replace('_', '-')}/", tag)
        for kind, tag in _UNDER.items()
        if lasting or kind not in LASTING
    )


def is_doubled(post: SitePost) -> bool:
    """Return whether explore pages link to a post by a short address as well: one post in eleven."""
    return post.seed % 11 == 0


def has_broken_picture(post: SitePost) -> bool:
    """Return whether a post's picture ends in the middle: one post in 97."""
    return post.seed % 97 == 0
