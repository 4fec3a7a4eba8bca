"""A contact sheet of pictures that would go: one HTML file that needs nothing else, and one PNG."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from PIL import Image, ImageDraw, ImageOps

from core.atomic import write_atomic
from core.errors import BadInput
from models.classifier.decode import decode
from pipelines.report.page import Block, Gallery, Heading, Paragraph, Picture, write_page
from pipelines.report.tables import Row, Table

SIDE = 150
CAPTION = 30
COLUMNS = 8
MOST_IN_PNG = 400
"""Pictures beyond this are in the HTML alone: the PNG is for a glance."""


@dataclass(frozen=True, slots=True)
class SheetPicture:
    """A picture on the sheet.

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
    pictures: Sequence[SheetPicture],
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
    for picture in pictures:
        thumbnails.append(_thumbnail(picture.path))
        advance(1)
    write_page(html, title, _blocks(counts, pictures, thumbnails))
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


def _blocks(
    counts: Sequence[tuple[str, int, int]], pictures: Sequence[SheetPicture], thumbnails: Sequence[bytes]
) -> Iterator[Block]:
    rows = tuple(Row(topic, (n_looked, n_out)) for topic, n_looked, n_out in counts)
    yield Table((), ("pictures", "would go"), rows, corner="topic")
    if not pictures:
        yield Paragraph("Nothing would go.")
    for topic, of_topic in groupby(zip(pictures, thumbnails, strict=True), key=lambda pair: pair[0].topic):
        yield Heading(topic)
        yield Gallery(
            tuple(
                Picture(thumbnail, picture.name, f"{picture.name}\n{picture.note}", "jpeg")
                for picture, thumbnail in of_topic
            )
        )


def _grid(pictures: Sequence[SheetPicture], thumbnails: Sequence[bytes]) -> bytes:
    rows = max(1, -(-len(pictures) // COLUMNS))
    sheet = Image.new("RGB", (COLUMNS * SIDE, rows * (SIDE + CAPTION)), "white")
    pen = ImageDraw.Draw(sheet)
    for number, (picture, thumbnail) in enumerate(zip(pictures, thumbnails, strict=True)):
        left, top = number % COLUMNS * SIDE, number // COLUMNS * (SIDE + CAPTION)
        sheet.paste(Image.open(io.BytesIO(thumbnail)), (left, top))
        for line, text in enumerate((picture.topic, picture.note)):
            # The built-in font knows Latin letters alone.
            plain = text.encode("latin-1", "replace").decode("latin-1")[:24]
            pen.text((left + 2, top + SIDE + 2 + 13 * line), plain, fill="black")
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
