"""The posts that the local social sites show: few, made up, and known beforehand."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from PIL import Image

START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class SocialPost:
    """One post, before a site writes it in its own words.

    Attributes:
        number: tells it apart; larger is newer.
        author: an account's name.
        caption: with its hashtags.
        tag: the hashtag that it stands under.
    """

    number: int
    author: str
    caption: str
    tag: str

    @property
    def time(self) -> datetime:
        """When it was written."""
        return START + timedelta(hours=self.number)

    @property
    def shortcode(self) -> str:
        """Its name on Instagram."""
        return f"Cpost{self.number:05d}"


def posts_under(tag: str, n_posts: int, *, first: int = 1) -> list[SocialPost]:
    """Return posts under a hashtag, the newest first, by five authors."""
    return [
        SocialPost(
            number,
            f"author_{number % 5}",
            f"Walk number {number} with a friend\nmore soon #{tag} #walk{number} #outdoors",
            tag,
        )
        for number in range(first + n_posts - 1, first - 1, -1)
    ]


def picture_bytes(number: int, side: int = 320) -> bytes:
    """Return a JPEG that no other number has."""
    picture = Image.new("RGB", (side, side), (number * 37 % 256, number * 91 % 256, number * 53 % 256))
    for step in range(0, side, 16):
        shade = (step * number) % 256
        picture.paste((shade, 255 - shade, (shade * 3) % 256), (step, (step * number) % side, step + 8, side))
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=80)
    return stream.getvalue()
