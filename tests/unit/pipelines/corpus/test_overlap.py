"""What must stay on one side of a split."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import DataError
from core.posts import Post
from pipelines.corpus.overlap import demand_apart, groups_of

LONG = "we walked along the quiet river until sunset"


def post(number: int, *, author: str | None = None, caption: str = "", image: str | None = None) -> Post:
    return Post(f"s:{number}", "s", caption, ("a",), author=author, image=Path(image) if image else None)


HASHES = {Path("1.jpg"): "one", Path("copy of 1.jpg"): "one", Path("2.jpg"): "two"}


def test_an_author_a_picture_or_a_long_caption_holds_posts_together() -> None:
    """Also through a third post that shares one thing with each."""
    posts = [
        post(0, author="anna"),
        post(1, author="ben", image="1.jpg"),
        post(2, author="anna", image="copy of 1.jpg"),
        post(3, author="cem", caption=LONG),
        post(4, caption=LONG.upper() + " #sunset"),
        post(5, image="2.jpg"),
        post(6),
    ]
    assert groups_of(posts, HASHES) == [0, 0, 0, 3, 3, 5, 6]


def test_short_captions_and_missing_things_hold_nothing_together() -> None:
    """Half of all captions are "good morning"."""
    posts = [post(number, caption="good morning") for number in range(3)]
    assert groups_of(posts, {}) == [0, 1, 2]


@pytest.mark.parametrize(
    ("one", "other", "kind"),
    [
        (post(1, author="anna"), post(2, author="anna"), "author"),
        (post(1, image="1.jpg"), post(2, image="copy of 1.jpg"), "picture"),
        (post(1, caption=LONG), post(2, caption=LONG), "caption"),
    ],
)
def test_overlap_is_refused_and_named_without_its_content(one: Post, other: Post, kind: str) -> None:
    """The post's id is enough to find it; captions and hashes of names stay out of messages."""
    with pytest.raises(DataError, match=f"the {kind} of post s:2 in test and train") as caught:
        demand_apart([("train", one), ("test", other)], HASHES)
    assert "anna" not in str(caught.value)
    assert "river" not in str(caught.value)
    demand_apart([("train", one), ("train", other)], HASHES)


@given(
    st.lists(
        st.tuples(st.sampled_from([None, "a", "b", "c"]), st.sampled_from(["", LONG, "x"]), st.integers(0, 3)),
        max_size=14,
    )
)
def test_groups_are_the_connected_parts(raw: list[tuple[str | None, str, int]]) -> None:
    """A slow twin: spread a mark from post to post until nothing changes."""
    posts = [
        post(number, author=author, caption=caption, image=f"{picture}.jpg" if picture else None)
        for number, (author, caption, picture) in enumerate(raw)
    ]
    hashes = {Path(f"{number}.jpg"): str(number) for number in range(4)}

    def linked(one: Post, other: Post) -> bool:
        same_author = one.author is not None and one.author == other.author
        same_caption = one.caption == other.caption == LONG
        return same_author or same_caption or (one.image is not None and one.image == other.image)

    marks = list(range(len(posts)))
    for _ in posts:
        for at, one in enumerate(posts):
            marks[at] = min(marks[to] for to, other in enumerate(posts) if to == at or linked(one, other))
    assert groups_of(posts, hashes) == marks


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.sampled_from(["train", "val", "test"])), max_size=12))
def test_what_is_refused_is_exactly_what_overlaps(raw: list[tuple[str, str]]) -> None:
    """No author in two splits: accepted; one in two: refused."""
    splits = defaultdict(set)
    for author, split in raw:
        splits[author].add(split)
    dealt = [(split, post(number, author=author)) for number, (author, split) in enumerate(raw)]
    if any(len(found) > 1 for found in splits.values()):
        with pytest.raises(DataError):
            demand_apart(dealt, {})
    else:
        demand_apart(dealt, {})
