"""Which hashtags may be suggested, and what to tell callers who bring one that may not.

The block list is what this program refuses to say. Whether a platform restricts a hashtag is another matter, and
nothing here claims it. What platforms accept, and which hashtags belong to another platform, is in ``core.platforms``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from core.query import Query
from core.suggestions import Notice

Blocked = Callable[[str], str | None]
"""Hashtag in normal form to the category it is blocked for, or None (``core.text.blocklist.Blocklist.blocked``)."""


def nothing_blocked(_: str) -> str | None:
    """Return None, as a block list without entries does."""
    return None


def withheld(query: Query) -> set[str]:
    """Return the hashtags that are not suggested for a query: its seeds and exclusions that are not pinned."""
    return {*query.seeds, *query.options.exclude}.difference(query.options.pin)


def allowed_mask(tags: Sequence[str], blocked: Blocked) -> NDArray[np.bool_]:
    """Return (n_tags,) bool: True where a hashtag may be suggested."""
    return np.array([blocked(tag) is None for tag in tags], dtype=np.bool_)


def without_blocked(
    hashtags: Sequence[str], blocked: Blocked, field: str
) -> tuple[tuple[str, ...], tuple[Notice, ...]]:
    """Return the hashtags of a caller that may be used, in order, and a notice for each that may not.

    The notice names the category and not the hashtag: answers are logged, shown and passed on.

    Args:
        hashtags: in normal form.
        blocked: the block list.
        field: where the caller gave them: ``seeds``, ``pin``.
    """
    kept: list[str] = []
    notices: list[Notice] = []
    for number, hashtag in enumerate(hashtags, 1):
        category = blocked(hashtag)
        if category is None:
            kept.append(hashtag)
        else:
            detail = f"hashtag {number} of {field} is on this service's block list ({category}) and was not used"
            notices.append(Notice("hashtag_blocked", detail, field))
    return tuple(kept), tuple(notices)
