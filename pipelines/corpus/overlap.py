"""Which posts must stay in one split, and whether they did.

Posts belong together when they share an author, a picture or a caption of some length: whatever is learnt from one of
them is known of the others. Posts are dealt to splits by such groups; whether that worked is checked on the dealt
posts in another way, so that a mistake in the first is not repeated in the second.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from core.errors import DataError
from core.posts import Post
from core.text.caption import caption_words

LONG_CAPTION = 6
"""Captions of at least so many words are not equal by chance."""


def groups_of(posts: Sequence[Post], picture_hashes: Mapping[Path, str]) -> list[int]:
    """Return for each post the number of its group: the index of the group's first post.

    Args:
        posts: any.
        picture_hashes: content hash of each post's picture, where it has one.
    """
    leader = list(range(len(posts)))

    def find(at: int) -> int:
        while leader[at] != at:
            leader[at] = leader[leader[at]]
            at = leader[at]
        return at

    first: dict[str, int] = {}
    for at, post in enumerate(posts):
        for key in _keys(post, picture_hashes):
            mine, others = find(at), find(first.setdefault(key, at))
            leader[max(mine, others)] = min(mine, others)
    return [find(at) for at in range(len(posts))]


def demand_apart(dealt: Iterable[tuple[str, Post]], picture_hashes: Mapping[Path, str]) -> None:
    """Do nothing when no author, picture or long caption is in two splits.

    Args:
        dealt: (split, post) pairs; what only evaluation uses is a split of its own.
        picture_hashes: content hash of each post's picture, where it has one.

    Raises:
        DataError: something is; the message says how many and names the first by its id.
    """
    splits: dict[str, set[str]] = defaultdict(set)
    example: dict[str, str] = {}
    for split, post in dealt:
        for key in _keys(post, picture_hashes):
            splits[key].add(split)
            example[key] = post.post_id
    torn = [key for key, found in splits.items() if len(found) > 1]
    if torn:
        kind = torn[0].partition("\n")[0]
        raise DataError(
            f"{len(torn):,} authors, pictures or captions stand in more than one split, such as the {kind} of post "
            f"{example[torn[0]]} in {' and '.join(sorted(splits[torn[0]]))}; a figure measured on them would flatter. "
            "Clean the corpus first, and give all posts of an author one split, or none"
        )


def _keys(post: Post, picture_hashes: Mapping[Path, str]) -> list[str]:
    keys = []
    if post.author:
        keys.append(f"author\n{post.author}")
    if post.image is not None and post.image in picture_hashes:
        keys.append(f"picture\n{picture_hashes[post.image]}")
    words = caption_words(post.caption)
    if len(words) >= LONG_CAPTION:
        keys.append("caption\n" + " ".join(words))
    return keys
