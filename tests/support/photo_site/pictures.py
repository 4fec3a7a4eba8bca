"""What stands for photographs: shapes in a topic's colours, each picture different from all others."""

from __future__ import annotations

import colorsys
import io
import random

from PIL import Image, ImageDraw, ImageFilter

from tests.support.photo_site.world import TOPICS, SitePost

SIDE = 288


def picture_of(post: SitePost) -> bytes:
    """Return a post's picture as JPEG; hue and kind of shape follow from its topic, the rest from its seed."""
    chance = random.Random(post.seed)
    number = TOPICS.index(post.topic)

    def colour(spread: float, light: float) -> tuple[int, int, int]:
        hue = (number / len(TOPICS) + chance.uniform(-spread, spread)) % 1
        red, green, blue = colorsys.hsv_to_rgb(hue, chance.uniform(0.5, 1), light)
        return round(red * 255), round(green * 255), round(blue * 255)

    image = Image.new("RGB", (SIDE, SIDE), colour(0.03, chance.uniform(0.2, 1)))
    draw = ImageDraw.Draw(image)
    for _ in range(chance.randint(6, 12)):
        left, top = chance.randrange(-40, SIDE - 20), chance.randrange(-40, SIDE - 20)
        box = (left, top, left + chance.randrange(30, 180), top + chance.randrange(30, 180))
        fill = colour(0.06, chance.uniform(0.1, 1))
        if number % 3 == 0:
            draw.ellipse(box, fill)
        elif number % 3 == 1:
            draw.rectangle(box, fill)
        else:
            draw.polygon([(box[0], box[3]), (box[2], box[3]), ((box[0] + box[2]) // 2, box[1])], fill)
    file = io.BytesIO()
    image.filter(ImageFilter.GaussianBlur(1)).save(file, "JPEG", quality=70)
    return file.getvalue()
