"""A contact sheet of pictures that would go: one HTML file that needs nothing else, and one PNG."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from PIL import Image, ImageDraw, ImageOps

from core.atomic import write_atomic
from core.errors import BadInput
from models.classifier.decode import decode

SIDE = 150
CAPTION = 30
COLUMNS = 8
MOST_IN_PNG = 400
"""Pictures beyond this are in the HTML alone: the PNG is for a glance."""
_STYLE = (
    "body{font:14px/1.4 system-ui,sans-serif;margin:2rem;color:#1f2933}h2{margin-top:2rem}"
    ".sheet{display:flex;flex-wrap:wrap;gap:.6rem}figure{margin:0;width:150px}img{width:150px;height:150px;display:block}"
    "figcaption{font-size:12px;overflow-wrap:anywhere}table{border-collapse:collapse}td,th{padding:.2rem .8rem .2rem 0;"
    "text-align:left}"
)


@dataclass(frozen=True, slots=True)
class Shown:
    """One picture on the sheet.

    Attributes:
        path: the file.
        name: what it is called.
        topic: what it is said to show.
        note: why it would go.
    """

    path: Path
    name: str
    topic: str
    note: str


def write_sheet(
    html: Path,
    png: Path,
    title: str,
    counts: Sequence[tuple[str, int, int]],
    pictures: Sequence[Shown],
    advance: Callable[[float], object] = lambda _: None,
) -> None:
    """Write both sheets.

    Args:
        html: the page, pictures inside.
        png: the picture of the first ``MOST_IN_PNG``.
        title: what the sheet shows.
        counts: (topic, pictures looked at, pictures that would go).
        pictures: those that would go, by topic and strongest first.
        advance: told of every picture.

    Raises:
        StorageError: the disk is full or the folder cannot be written.
    """
    thumbnails = []
    for one in pictures:
        thumbnails.append(_thumbnail(one.path))
        advance(1)
    write_atomic(html, "".join(_page(title, counts, pictures, thumbnails)))
    write_atomic(png, _grid(pictures[:MOST_IN_PNG], thumbnails[:MOST_IN_PNG]))


def _thumbnail(path: Path) -> bytes:
    """Return a JPEG of ``SIDE`` x ``SIDE``; grey for what cannot be read."""
    try:
        image = decode(path.read_bytes(), keep_side=SIDE)
        small = ImageOps.fit(image, (SIDE, SIDE))
    except (OSError, BadInput):
        small = Image.new("RGB", (SIDE, SIDE), (200, 200, 200))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()


def _page(
    title: str, counts: Sequence[tuple[str, int, int]], pictures: Sequence[Shown], thumbnails: Sequence[bytes]
) -> Iterable[str]:
    yield f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
    yield f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>"
    yield "<table><tr><th>topic</th><th>pictures</th><th>would go</th></tr>"
    for name, n_looked, n_out in counts:
        yield f"<tr><td>{escape(name)}</td><td>{n_looked:,}</td><td>{n_out:,}</td></tr>"
    yield "</table>"
    topic: str | None = None
    for one, thumbnail in zip(pictures, thumbnails, strict=True):
        if one.topic != topic:
            yield "</div>" if topic is not None else ""
            yield f'<h2>{escape(one.topic)}</h2><div class="sheet">'
            topic = one.topic
        source = base64.b64encode(thumbnail).decode()
        yield f'<figure><img alt="{escape(one.name)}" src="data:image/jpeg;base64,{source}">'
        yield f"<figcaption>{escape(one.name)}<br>{escape(one.note)}</figcaption></figure>"
    yield "</div>" if topic is not None else "<p>Nothing would go.</p>"
    yield "</body></html>\n"


def _grid(pictures: Sequence[Shown], thumbnails: Sequence[bytes]) -> bytes:
    rows = max(1, -(-len(pictures) // COLUMNS))
    sheet = Image.new("RGB", (COLUMNS * SIDE, rows * (SIDE + CAPTION)), "white")
    pen = ImageDraw.Draw(sheet)
    for place, (one, thumbnail) in enumerate(zip(pictures, thumbnails, strict=True)):
        left, top = place % COLUMNS * SIDE, place // COLUMNS * (SIDE + CAPTION)
        sheet.paste(Image.open(io.BytesIO(thumbnail)), (left, top))
        for line, text in enumerate((one.topic, one.note)):
            # The built-in font knows Latin letters alone.
            plain = text.encode("latin-1", "replace").decode("latin-1")[:24]
            pen.text((left + 2, top + SIDE + 2 + 13 * line), plain, fill="black")
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
