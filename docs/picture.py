"""Draws the README's picture: a request and the answer that it really got.

Run by ``make picture``, which asks the starter bundle and passes the answer on standard input.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import sys
from html import escape
from pathlib import Path
from typing import Any

from PIL import Image

WIDTH, MARGIN, ROW = 1040, 24, 46
PHOTO_WIDTH = 340
LEFT = MARGIN + PHOTO_WIDTH + 32
NAME_WIDTH, BAR_WIDTH = 190, 130
COLOURS = {"image": "#2a78d6", "caption": "#1baf7a", "seeds": "#eda100", "popularity": "#8f8e88"}
INK, SOFT, PAPER = "#1b1b1a", "#6b6a66", "#ffffff"


def text(x: float, y: float, words: str, size: int = 15, colour: str = INK, weight: int = 400) -> str:
    """Return one line of text with its baseline at ``y``."""
    style = f'font-size="{size}" fill="{colour}" font-weight="{weight}"'
    return f'<text x="{x:.0f}" y="{y:.0f}" {style}>{escape(words)}</text>'


def shortened(words: str, n: int) -> str:
    """Return ``words`` with at most ``n`` characters."""
    return words if len(words) <= n else words[: n - 1].rstrip() + "…"


def photograph(path: Path) -> tuple[str, float]:
    """Return the photograph as an SVG element, and its height."""
    image = Image.open(path).convert("RGB")
    image.thumbnail((2 * PHOTO_WIDTH, 2 * PHOTO_WIDTH))
    height = PHOTO_WIDTH * image.height / image.width
    file = io.BytesIO()
    image.save(file, "JPEG", quality=80)
    data = base64.b64encode(file.getvalue()).decode()
    place = f'x="{MARGIN}" y="{MARGIN}" width="{PHOTO_WIDTH}" height="{height:.0f}"'
    return f'<image {place} href="data:image/jpeg;base64,{data}"/>', height


def bars(parts: dict[str, float], zero: float, y: float, scale: float) -> list[str]:
    """Return the parts of one score: what speaks for the hashtag to the right of ``zero``, what against to the left."""
    drawn, right, left = [], zero, zero
    for name, colour in COLOURS.items():
        length = abs(parts[name]) * scale
        if parts[name] < 0:
            left -= length
        start = left if parts[name] < 0 else right
        if length >= 0.5:
            drawn.append(f'<rect x="{start:.1f}" y="{y:.0f}" width="{length:.1f}" height="14" fill="{colour}"/>')
        if parts[name] > 0:
            right += length
    return drawn


def draw(answer: dict[str, Any], photo: Path, caption: str, seeds: list[str], n: int) -> str:
    """Return the whole picture as SVG."""
    image, height = photograph(photo)
    shown = answer["suggestions"][:n]
    y = MARGIN + height + 30
    asked = [text(MARGIN, y, f"“{caption}”", 17)]
    asked.append(text(MARGIN, y + 28, "seeds: " + " ".join(f"#{seed}" for seed in seeds), 15, SOFT))
    topics = ", ".join(f"{topic['topic']} {topic['probability']:.0%}" for topic in answer["topics"][:2])
    asked.append(text(MARGIN, y + 54, f"topics: {topics}", 15, SOFT))
    classes = ", ".join(f"{seen['name'].split(',')[0]} {seen['probability']:.0%}" for seen in answer["classes"][:2])
    asked.append(text(MARGIN, y + 78, shortened(f"looks like: {classes}", 46), 15, SOFT))

    least = min(sum(min(value, 0) for value in suggestion["parts"].values()) for suggestion in shown)
    most = max(sum(max(value, 0) for value in suggestion["parts"].values()) for suggestion in shown)
    scale = BAR_WIDTH / (most - least)
    bar_left = LEFT + NAME_WIDTH
    zero = bar_left - least * scale
    rows = []
    x = LEFT
    for name, colour in COLOURS.items():
        rows.append(f'<rect x="{x}" y="{MARGIN}" width="12" height="12" fill="{colour}"/>')
        rows.append(text(x + 18, MARGIN + 11, name, 13, SOFT))
        x += 34 + 8 * len(name)
    top = MARGIN + 30
    for number, suggestion in enumerate(shown):
        y = top + ROW * number
        rows.append(text(LEFT, y + 20, shortened(f"#{suggestion['display']}", 22), 16, INK, 600))
        rows.append(text(LEFT, y + 37, f"{suggestion['popularity']['posts']:,} posts", 12, SOFT))
        rows += bars(suggestion["parts"], zero, y + 10, scale)
        for line, reason in enumerate(suggestion["because"][:2]):
            rows.append(text(bar_left + BAR_WIDTH + 18, y + 19 + 17 * line, shortened(reason, 46), 13, SOFT))
    bottom = top + ROW * len(shown)
    rows.append(f'<path d="M{zero:.1f} {top} V{bottom - 8}" stroke="{SOFT}" stroke-width="1"/>')
    total = max(bottom, MARGIN + height + 30 + 78) + MARGIN
    box = f'viewBox="0 0 {WIDTH} {total:.0f}" font-family="system-ui, sans-serif"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {box}>'
    body = [f'<rect width="{WIDTH}" height="{total:.0f}" fill="{PAPER}"/>', image, *asked, *rows]
    return "\n".join([head, *body, "</svg>", ""])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--caption", required=True)
    parser.add_argument("--seed", action="append", default=[])
    parser.add_argument("--rows", type=int, default=8)
    asked = parser.parse_args()
    sys.stdout.write(draw(json.load(sys.stdin), asked.photo, asked.caption, asked.seed, asked.rows))
