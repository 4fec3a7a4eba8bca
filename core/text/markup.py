"""HTML in texts: what a reader sees of a snippet, and characters that are written as entities in a plain text.

APIs of Mastodon and MediaWiki send snippets of HTML. Captions are plain text, but many were copied out of HTML, so that
``&nbsp;``, ``&amp;`` and ``&rsquo;`` stand in them; these are characters and no words.
"""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser

_BREAKS = frozenset({"br", "p", "div", "li", "tr", "blockquote", "pre", "h1", "h2", "h3", "ul", "ol"})
_SILENT = frozenset({"script", "style", "template", "head", "title", "noscript"})
# Without an end tag, so that nothing can be waited for.
_EMPTY = frozenset({"br", "img", "hr", "input", "meta", "link", "wbr", "area", "base", "col", "source", "track"})
_SPACES = re.compile(r"[ \t\r\f\v]+")
_LINES = re.compile(r" ?\n ?")
_MANY_LINES = re.compile(r"\n{3,}")
# With the semicolon alone: "Q&A", "a&b" and "?a=1&copy=2" are written as they are meant.
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._silent: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        hidden = any(name == "style" and value and "display:none" in value.replace(" ", "") for name, value in attrs)
        if tag not in _EMPTY and (self._silent or tag in _SILENT or hidden):
            self._silent.append(tag)
        elif tag in _BREAKS:
            self.pieces.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._silent:
            while self._silent.pop() != tag:
                pass
        elif tag == "p" and not self._silent:
            self.pieces.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.pieces.append(data.replace("\n", " "))


def html_text(html: str) -> str:
    """Return what a reader sees: paragraphs and line breaks as new lines, entities as their characters.

    What is inside a link stays where it stood, so ``<a>#<span>dog</span></a>`` gives ``#dog``. Broken HTML gives what a
    forgiving reader makes of it, never an error.
    """
    reader = _Reader()
    reader.feed(html)
    reader.close()
    text = _SPACES.sub(" ", "".join(reader.pieces))
    return _MANY_LINES.sub("\n\n", _LINES.sub("\n", text)).strip()


def decode_entities(text: str) -> str:
    """Return ``text`` with HTML's entities (``&amp;``, ``&#39;``) as characters; unknown ones stay as they are."""
    if "&" not in text:  # nearly all captions
        return text
    return _ENTITY.sub(lambda entity: unescape(entity[0]), text)
