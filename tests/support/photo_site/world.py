"""The posts of a photo-sharing site that does not exist: the same from the same seed, with something to learn in them.

Each post has a topic and, within it, a theme; its caption and its hashtags are drawn from the theme's own words, so
that who reads the posts can learn which hashtags are used together and with which words.
"""

from __future__ import annotations

import hashlib
import random
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

_CONTENT = tomllib.loads(Path(__file__).with_name("topics.toml").read_text(encoding="utf-8"))
TOPICS: tuple[str, ...] = tuple(_CONTENT["topics"])
_SAID: dict[str, list[str]] = {name: words.split("|") for name, words in _CONTENT["said"].items()}
START = datetime(2026, 3, 1, 8, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class SitePost:
    """One post.

    Attributes:
        post_id: eleven signs, as in its address.
        topic: its topic.
        author: the account's name.
        time: when it was posted.
        caption: with hashtags.
        hashtags: those of the caption, in their order.
        listed_under: the searched hashtags among them, under which explore pages show it.
        seed: of its picture.
    """

    post_id: str
    topic: str
    author: str
    time: datetime
    caption: str
    hashtags: tuple[str, ...]
    listed_under: tuple[str, ...]
    seed: int


def searched_by(topic: str) -> tuple[str, ...]:
    """Return the hashtags that a topic is searched by."""
    return tuple(_CONTENT["topics"][topic]["searched_by"].split())


def build_posts(n_posts: int, seed: int) -> tuple[SitePost, ...]:
    """Return posts, dealt evenly over the topics, newest last."""
    chance = random.Random(seed)
    return tuple(_build_post(number, TOPICS[number % len(TOPICS)], chance) for number in range(n_posts))


def _build_post(number: int, topic: str, chance: random.Random) -> SitePost:
    def say(what: str) -> str:
        return chance.choice(_SAID[what])

    theme = chance.choice(_CONTENT["topics"][topic]["themes"])
    tags, doings = theme["hashtags"].split(), theme["doings"].split()
    first, second, third = chance.sample(theme["things"].split(), 3)
    sentences = [
        f"{chance.choice(doings)} {say('how')} {say('when')}".capitalize(),
        f"the {say('colour')} {first} and the {second} from {say('who')}",
        f"{chance.choice(doings)} with the {say('colour')} {third}, {say('feeling')}",
    ]
    listed = tuple(chance.sample(searched_by(topic), chance.randint(1, 2)))
    hashtags = tuple(dict.fromkeys((*listed, *chance.sample(tags, 4))))
    caption = f"{'. '.join(sentences)} {' '.join(f'#{tag}' for tag in hashtags)}"
    digest = hashlib.sha256(f"{topic}/{number}".encode()).hexdigest()
    return SitePost(
        post_id=f"{number:03d}{digest[:8]}",
        topic=topic,
        author=f"{topic}_{say('author')}",
        time=START + timedelta(minutes=37 * number),
        caption=caption,
        hashtags=hashtags,
        listed_under=tuple(tag for tag in hashtags if tag in searched_by(topic)),
        seed=chance.randrange(2**31),
    )
