"""Made-up posts by the million, each a function of its number, with what cleaning is to find in them.

Lengths follow what people write below photographs: a median of 12 words and 6 hashtags, few authors with many posts and
many with few. Words are drawn by Zipf's law from syllables joined at random, so that no caption is anyone's.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from core.text.caption import STOP_WORDS

SHARD_POSTS = 50_000
POSTS_A_PICTURE = 200
KINDS: tuple[tuple[str, float], ...] = (
    ("same", 0.010),
    ("near", 0.020),
    ("follow", 0.005),
    ("advert", 0.005),
    ("flood", 0.005),
    ("invisible", 0.010),
)
"""What is planted, and the share of the posts that it is."""

_N_WORDS, _N_TAGS, _N_PLAIN = 30_000, 20_000, 60
_CONSONANTS = "b c d f g h j k l m n p r s t v w z br st tr pl sh ch"
_SYLLABLES = [consonant + vowel for consonant in _CONSONANTS.split() for vowel in "aeiou"]
_STOP = sorted(STOP_WORDS)
_FOLLOW = ("followforfollow", "likeforlike", "f4f", "l4l", "followtrain", "likeback", "gainpost")


def kind_of(number: int) -> str:
    """Return what is planted in a post: one of ``KINDS``, or "plain"."""
    if number < _N_PLAIN:
        return "plain"
    draw = random.Random(f"kind {number}").random()
    for kind, share in KINDS:
        if draw < share:
            return kind
        draw -= share
    return "plain"


def post_of(number: int) -> dict[str, Any]:
    """Return post ``number`` as it stands in a shard."""
    post = _plain(number)
    kind = kind_of(number)
    if kind in ("same", "near"):
        post = _copy(post, number, near=kind == "near")
    elif kind == "follow":
        post["hashtags"] = [*post["hashtags"][:4], *_FOLLOW]
    elif kind == "advert":
        post["caption"] = "Order now via WhatsApp +1 555 0134 567, only $25, free shipping! " + post["caption"][:60]
    elif kind == "flood":
        # One program after the other, each with a hundred posts within an hour.
        post["author"] = f"{number // 20_000:016x}"
        post["time"] = f"2024-05-05T12:{number % 60:02d}:07+00:00"
    elif kind == "invisible":
        post["caption"] = post["caption"].replace(" ", " \u200b", 3) + " :-)"
    return post


def write_corpus(folder: Path, n_posts: int, on_posts: Callable[[int], None]) -> None:
    """Write a corpus of posts 0 to ``n_posts``, one in ``POSTS_A_PICTURE`` with a picture of its own."""
    (folder / "posts").mkdir(parents=True)
    for start in range(0, n_posts, SHARD_POSTS):
        shard = folder / "posts" / f"made-up-{1 + start // SHARD_POSTS:05d}.jsonl"
        with shard.open("w", encoding="utf-8") as lines:
            for number in range(start, min(start + SHARD_POSTS, n_posts)):
                post = post_of(number)
                if number % POSTS_A_PICTURE == 0:
                    post["image"] = _write_picture(folder, number)
                lines.write(json.dumps(post, ensure_ascii=False) + "\n")
        on_posts(min(start + SHARD_POSTS, n_posts))


def _plain(number: int) -> dict[str, Any]:
    draw = random.Random(f"post {number}")
    n_words = min(300, max(0, round(draw.lognormvariate(math.log(12), 0.8))))
    n_tags = min(30, max(1, round(draw.lognormvariate(math.log(6), 0.7))))
    words = [
        _STOP[draw.randrange(len(_STOP))] if draw.random() < 0.4 else _zipf(draw, _N_WORDS) for _ in range(n_words)
    ]
    tags = list(dict.fromkeys(_zipf(draw, _N_TAGS) + "tag" for _ in range(n_tags)))
    return {
        "id": f"made-up:{number}",
        "source": "made-up",
        "caption": " ".join([*words, *(f"#{tag}" for tag in tags)]),
        "hashtags": tags,
        "author": f"{1000 + int(200_000 * draw.random() ** 2):016x}",
        "time": f"2024-{1 + number % 12:02d}-{1 + number % 28:02d}T{draw.randrange(24):02d}:30:01+00:00",
        "query_tag": tags[0],
    }


def _copy(post: dict[str, Any], number: int, *, near: bool) -> dict[str, Any]:
    """Return another author's copy of an earlier post; a near one has a word more."""
    earlier = number
    for _ in range(50):  # one with enough words to be told by
        earlier = random.Random(f"copy {earlier}").randrange(number)
        original = _plain(earlier)
        if kind_of(earlier) == "plain" and len(original["caption"].split()) - len(original["hashtags"]) >= 12:
            break
    caption = f"so {original['caption']}" if near else original["caption"]
    return {**post, "caption": caption, "hashtags": original["hashtags"]}


def _zipf(draw: random.Random, n_words: int) -> str:
    """Return a word: number k of ``n_words`` about 1 / k as often as the first."""
    return _spell(int(n_words ** draw.random()), n_words)


@cache
def _spell(rank: int, n_words: int) -> str:
    spelt = random.Random(rank * 7 + n_words)
    return "".join(spelt.choice(_SYLLABLES) for _ in range(2 + spelt.randrange(3)))


def _write_picture(folder: Path, number: int) -> str:
    draw = np.random.default_rng(number)
    coarse = Image.fromarray(draw.integers(0, 256, (9, 12, 3), dtype=np.uint8))
    name = f"{number * 2654435761 % 2**32:08x}"
    subfolder = folder / "pictures" / name[:2]
    subfolder.mkdir(parents=True, exist_ok=True)
    coarse.resize((320, 240), Image.Resampling.BICUBIC).save(subfolder / f"{name}.jpg", quality=80)
    return f"../pictures/{name[:2]}/{name}.jpg"
