"""Pages of blocks: one HTML file that needs nothing beside it, and the same as Markdown or as plain text.

Blocks hold plain text: whatever markup it contains is shown, not obeyed. Whatever a page holds, it loads nothing and
runs nothing.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Literal

from core.atomic import write_atomic
from core.text.visible import visible_lines
from pipelines.report.tables import Table, html_table, markdown_table, markdown_text, plain_text, text_table

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1f2933; max-width: 82rem; margin: 2rem auto; padding: 0 1rem }
h1, h2, h3 { line-height: 1.2; margin: 2rem 0 .6rem } h2 { border-bottom: 1px solid #cbd2d9; padding-bottom: .2rem }
p { white-space: pre-wrap; overflow-wrap: anywhere } a { color: #3b7ea1 }
table { border-collapse: collapse; font-size: 13px; display: block; overflow-x: auto }
table { font-variant-numeric: tabular-nums; margin: .6rem 0 1.2rem }
th, td { padding: .2rem .6rem; border-bottom: 1px solid #e4e7eb; text-align: right; white-space: nowrap }
th { background: #f5f7fa; vertical-align: bottom } td { vertical-align: top }
th:first-child, td:first-child, .words { text-align: left }
td:first-child, td.words { white-space: normal; overflow-wrap: break-word; min-width: 6rem; max-width: 36rem }
.bar-cell { width: 16rem; min-width: 8rem }
.bar { background: #7fb3d5; height: .7rem; min-width: 1px; margin-top: .3rem }
img { max-width: 100%; display: block; margin: .8rem 0; background: white }
pre, code { background: #f5f7fa } pre { padding: .6rem 1rem; overflow-x: auto; font-size: 13px }
.notice { background: #fff8e6; padding: .6rem 1rem; border-radius: 4px }
.tags { color: #3b7ea1 } .faint { color: #7b8794 }
article { border-bottom: 1px solid #e4e7eb; padding: .4rem 0 } article p { margin: .2rem 0 }
article img { display: inline-block; margin: .2rem .4rem .2rem 0 }
.gallery { display: flex; flex-wrap: wrap; gap: .6rem } figure { margin: 0; width: 150px }
figure img { margin: 0 } figcaption { font-size: 12px; white-space: pre-line; overflow-wrap: anywhere }
@media (prefers-color-scheme: dark) {
  body { background: #14181d; color: #d8dee6 } th, pre, code { background: #1f262e } .bar { background: #4d86ab }
  th, td, h2, article { border-color: #37414d } .notice { background: #3a3115 } a, .tags { color: #7fb3d5 }
}
"""


@dataclass(frozen=True, slots=True)
class Heading:
    """A title within a page; level 1 is the page's own."""

    text: str
    level: Literal[2, 3] = 2


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Sentences; ``mark`` says how they are set: as a box, as hashtags or in grey."""

    text: str
    mark: Literal["", "notice", "tags", "faint"] = ""


@dataclass(frozen=True, slots=True)
class Link:
    """The way to a file beside the page."""

    text: str
    file: str


@dataclass(frozen=True, slots=True)
class Code:
    """Lines that are shown as they are."""

    text: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture inside the page; Markdown and plain text leave it out.

    Attributes:
        content: the file.
        alternative: what is said where it cannot be seen.
        caption: below the picture, in a gallery.
        kind: the part of the media type after ``image/``.
    """

    content: bytes
    alternative: str
    caption: str = ""
    kind: Literal["png", "jpeg"] = "png"


@dataclass(frozen=True, slots=True)
class Gallery:
    """Small pictures side by side, each with its caption."""

    pictures: tuple[Picture, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """Blocks about one thing, set apart from the next one's."""

    blocks: tuple[Block, ...]


Block = Heading | Paragraph | Link | Code | Picture | Gallery | Entry | Table


def write_page(path: Path, title: str, blocks: Iterable[Block]) -> None:
    """Write a page as HTML; what UTF-8 cannot hold is replaced.

    Raises:
        StorageError: it cannot be written.
    """
    write_atomic(path, html_page(title, blocks).encode("utf-8", "replace"))


def html_page(title: str, blocks: Iterable[Block]) -> str:
    """Return a page as one HTML file."""
    body = "\n".join(_html(block) for block in blocks)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f'<meta name="viewport" content="width=device-width"><title>{escape(title)}</title><style>{_STYLE}</style>'
        f"</head>\n<body>\n<h1>{escape(title)}</h1>\n{body}\n</body></html>\n"
    )


def markdown_page(title: str, blocks: Iterable[Block]) -> str:
    """Return a page as Markdown, without its pictures."""
    return "\n\n".join([f"# {markdown_text(title)}", *filter(None, map(_markdown, blocks))]) + "\n"


def text_page(title: str, blocks: Iterable[Block]) -> str:
    """Return a page as plain text, without its pictures; fit for a terminal, whatever names stand in it."""
    return visible_lines("\n\n".join([plain_text(title), *filter(None, map(_text, blocks))]) + "\n")


def _html(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"<h{level}>{escape(text)}</h{level}>"
        case Paragraph(text, mark):
            return f'<p class="{mark}">{escape(text)}</p>' if mark else f"<p>{escape(text)}</p>"
        case Link(text, file):
            return f'<p><a href="{escape(file)}">{escape(text)}</a></p>'
        case Code(text):
            return f"<pre><code>{escape(text)}</code></pre>"
        case Picture():
            return _image(block)
        case Gallery(pictures):
            return f'<div class="gallery">{"".join(map(_figure, pictures))}</div>'
        case Entry(blocks):
            return f"<article>{''.join(map(_html, blocks))}</article>"
        case Table():
            return html_table(block)


def _figure(picture: Picture) -> str:
    return f"<figure>{_image(picture)}<figcaption>{escape(picture.caption)}</figcaption></figure>"


def _image(picture: Picture) -> str:
    content = base64.b64encode(picture.content).decode()
    return f'<img alt="{escape(picture.alternative)}" src="data:image/{picture.kind};base64,{content}">'


def _markdown(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"{'#' * level} {markdown_text(text)}"
        case Paragraph(text):
            return markdown_text(text)
        case Link(text, file):
            return f"[{markdown_text(text)}]({file})"
        case Code(text):
            return "\n".join(f"    {line}" for line in text.splitlines())
        case Entry(blocks):
            return "\n\n".join(filter(None, map(_markdown, blocks)))
        case Table():
            return markdown_table(block)
        case Picture() | Gallery():
            return ""


def _text(block: Block) -> str:
    match block:
        case Heading(text) | Paragraph(text):
            return plain_text(text)
        case Link(text, file):
            return f"{plain_text(text)}: {file}"
        case Code(text):
            return text
        case Entry(blocks):
            return "\n\n".join(filter(None, map(_text, blocks)))
        case Table():
            return text_table(block)
        case Picture() | Gallery():
            return ""
