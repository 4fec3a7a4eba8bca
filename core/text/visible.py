"""Text from elsewhere made fit for a terminal or a plain report: what would steer it is shown instead of obeyed."""

from __future__ import annotations

import re
import unicodedata

_JOINERS = "\u200c\u200d"
"""Between letters of Persian and parts of an emoji; they change nothing else."""
_STEERING = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Control characters, formats such as writing direction, halves of characters, and separators of lines."""


def visible(text: object) -> str:
    r"""Return ``text`` on one line, what could steer a terminal written as in Python: ``\x1b``, ``\u202e``, ``\n``."""
    plain = str(text)
    return plain if plain.isascii() and plain.isprintable() else "".join(map(_shown, plain))


def visible_lines(text: object) -> str:
    """Return ``text`` as :func:`visible` does, its lines kept."""
    return "\n".join(map(visible, str(text).split("\n")))


def visible_json(text: str) -> str:
    r"""Return JSON that says the same without such characters: strings have ``\u202e`` in their place."""
    return re.sub(r"[^\n -~]", lambda found: _escaped(found.group()), text)


def _escaped(character: str) -> str:
    if not _steers(character):
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def _shown(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii") if _steers(character) else character


def _steers(character: str) -> bool:
    return unicodedata.category(character) in _STEERING and character not in _JOINERS
