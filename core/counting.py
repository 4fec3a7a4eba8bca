"""How long a text is to a platform: each counts in its own unit."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from types import MappingProxyType

import regex

from core.text.links import link_spans

# One emoji with all that belongs to it: skin tone, variation selector, joined figures, flags, keycaps.
_EMOJI = regex.compile(
    r"""
      [0-9\#*]\ufe0f?\u20e3
    | [\U0001f1e6-\U0001f1ff]{2}
    | \p{Emoji}(?<![0-9\#*]) [\ufe0f\p{Emoji_Modifier}]* (?:[\U000e0020-\U000e007e]+\U000e007f)?
      (?: \u200d \p{Emoji}(?<![0-9\#*]) [\ufe0f\p{Emoji_Modifier}]* )*
    """,
    regex.VERBOSE,
)
_GRAPHEME = regex.compile(r"\X")
_LINK_ON_X = 23
# Code points that weigh 1 on X; all others weigh 2 (twitter-text, ``config/v3.json``).
_LIGHT = regex.compile(r"[\u0000-\u10ff\u2000-\u200d\u2010-\u201f\u2032-\u2037]")


def code_points(text: str) -> int:
    """Return the number of code points."""
    return len(text)


def utf16_units(text: str) -> int:
    """Return the number of UTF-16 code units, as JavaScript and Java count: most emoji are two or more."""
    return len(text) + sum(sign > "\uffff" for sign in text)


def graphemes(text: str) -> int:
    """Return the number of signs as a reader sees them (extended grapheme clusters, UAX #29)."""
    return len(text) if text.isascii() and "\r" not in text else len(_GRAPHEME.findall(text))


def utf8_bytes(text: str) -> int:
    """Return the number of bytes in UTF-8; a lone surrogate counts three, as if it could be written."""
    return len(text.encode("utf-8", "surrogatepass"))


def emoji_as_bytes(text: str) -> int:
    """Return the number of code points, with each emoji counted by its UTF-8 bytes, as Threads does."""
    return len(text) + sum(utf8_bytes(match[0]) - len(match[0]) for match in _EMOJI.finditer(text))


def weighted(text: str) -> int:
    """Return X's weighted length: links 23, emoji 2, most of the Latin to Georgian scripts 1, other signs 2.

    After twitter-text's ``parseTweet`` with ``config/v3.json``; the text is brought into NFC first.
    """
    text = unicodedata.normalize("NFC", text)
    length, at = 0, 0
    for start, end in [*link_spans(text), (len(text), len(text))]:
        plain, n_emoji = _EMOJI.subn("", text[at:start])
        length += 2 * len(plain) - len(_LIGHT.findall(plain)) + 2 * n_emoji
        length += _LINK_ON_X if end > start else 0
        at = end
    return length


COUNTERS: Mapping[str, Callable[[str], int]] = MappingProxyType(
    {
        "code_points": code_points,
        "utf16_units": utf16_units,
        "graphemes": graphemes,
        "utf8_bytes": utf8_bytes,
        "emoji_as_bytes": emoji_as_bytes,
        "weighted": weighted,
    }
)
"""What ``counting`` may say in the platform rules."""
