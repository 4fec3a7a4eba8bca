"""Hashtags: the one normal form, and where hashtags stand in a text.

What counts as a hashtag in a text follows twitter-text (https://github.com/twitter/twitter-text, ``Extractor``):
``#`` or ``＃`` that does not follow a letter, a digit or ``&``, with at least one letter, outside of links. One
difference is on purpose: ``#sun#sea`` is two hashtags here and none there, because Instagram reads it as two and
captions are full of it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import lru_cache

import regex

from core.text.links import link_spans
from core.text.markup import decode_entities

MAX_LENGTH = 100
"""Code points in a normal form."""

_MAX_RAW = 4 * MAX_LENGTH

# Signs that twitter-text and Mastodon accept within a hashtag although they are neither letter nor digit. They
# join, so the normal form leaves them out: "il·lusió" and "illusió" are one hashtag.
_JOINERS = "\u00b7\u0387\u05be\u05f3\u05f4\u0f0b\u0f0c\u200c\u200d\u3003\u301c\u309b\u309c\u30a0\u30fb\uff5e\uff65"
# Ideographic zero: a digit to those who write it, a letter-like number to Unicode.
_SIGN = r"\p{L}\p{M}\p{Nd}_\u3007"

_LEFT_OUT = regex.compile(rf"[\p{{Default_Ignorable_Code_Point}}{_JOINERS}]+")
_PLAIN = regex.compile(r"(?=[0-9_]*[a-z])[a-z0-9_]{1,100}")
_NORMAL = regex.compile(rf"(?=[^\p{{L}}]*\p{{L}})[{_SIGN}]{{1,{MAX_LENGTH}}}")
_FOREIGN_SIGN = regex.compile(rf"[^{_SIGN}]")
_LETTER = regex.compile(r"\p{L}")

# ``\G`` is the end of the hashtag before: it lets "#sun#sea" through. A keycap (U+20E3) is an emoji, not a mark.
_IN_TEXT = regex.compile(
    rf"""
    (?: (?<! [&{_SIGN}{_JOINERS}] ) | (?<= [\ufe0e\ufe0f] ) | \G )
    [\#＃] (?! [\ufe0f\u20e3] )
    [{_SIGN}{_JOINERS}--[\u20e3]]++ (?! :// )
    """,
    regex.VERBOSE | regex.VERSION1,
)


def normalise(raw: str) -> str | None:
    """Return the normal form of one hashtag, or None when it cannot be one.

    NFKC and case folded; ``#``, ``＃``, outer spaces, zero-width characters, variation selectors and joining signs
    are taken away. What is left are letters, marks, digits and ``_`` of any script, at least one of them a letter,
    at most ``MAX_LENGTH`` code points. Applying it twice changes nothing.
    """
    # The cache must not be a way to fill the memory, nor the folding a way to spend the time.
    return _normalise(raw) if len(raw) <= _MAX_RAW else None


@lru_cache(maxsize=65_536)
def _normalise(raw: str) -> str | None:
    folded = fold(raw)
    if folded.isascii():
        return folded if _PLAIN.fullmatch(folded) else None
    return folded if _NORMAL.fullmatch(folded) else None


def why_not(raw: str) -> str | None:
    """Return why ``raw`` cannot be a hashtag, in words fit for a warning, or None when it can be one."""
    if normalise(raw) is not None:
        return None
    shown = _quoted(raw)
    if len(raw) > _MAX_RAW:
        return f"{shown} is longer than {MAX_LENGTH} characters"
    folded = fold(raw)
    if not folded:
        return f"{shown} is empty"
    foreign = _FOREIGN_SIGN.search(folded)
    if foreign is not None and foreign[0].isspace():
        return f"{shown} has a space; write it as one word"
    if foreign is not None and _LETTER.search(folded):
        return f"{shown} has {_quoted(foreign[0])}; only letters, digits and _ can stand in a hashtag"
    if not _LETTER.search(folded):
        return f"{shown} has no letter"
    return f"{shown} is longer than {MAX_LENGTH} characters"


def hashtag_spans(text: str) -> list[tuple[int, int]]:
    """Return (start, end) of every hashtag in ``text`` with its ``#``, left to right, in code points."""
    return [(start, end) for start, end, _ in _find(text)]


def extract(text: str) -> tuple[str, ...]:
    """Return the hashtags of ``text`` in normal form, in the order of use, without duplicates.

    HTML's entities are read as their characters: ``#caf&eacute;`` is ``café``, and ``&#39;`` holds no hashtag.
    """
    return tuple(dict.fromkeys(hashtag for _, _, hashtag in _find(decode_entities(text))))


def _find(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield (start, end, normal form) of every hashtag, left to right."""
    if "#" not in text and "＃" not in text:
        return
    links = iter(link_spans(text))
    link_start, link_end = next(links, (len(text), len(text)))
    for match in _IN_TEXT.finditer(text):
        start, end = match.span()
        while link_end <= start:
            link_start, link_end = next(links, (len(text), len(text)))
        if start < link_start and (hashtag := normalise(text[start:end])) is not None:
            yield start, end, hashtag


def fold(raw: str) -> str:
    """Return ``raw`` as hashtags are compared, whether or not it is one; a normal form's beginning stays a beginning.

    Folded until nothing changes: each step may uncover work for another (NFKC turns ``﹟`` into ``#``).
    """
    if raw.isascii():
        return raw.strip().lstrip("# \t\n\r\x0b\x0c\x1c\x1d\x1e\x1f").lower()
    folded = raw
    while True:
        before = folded
        folded = _LEFT_OUT.sub("", folded).strip().lstrip("#＃").lstrip()
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", folded).casefold())
        if folded == before:
            return folded


def _quoted(raw: str, limit: int = 40) -> str:
    """Quote ``raw`` for a message: cut, and with what cannot be printed or encoded escaped."""
    cut = raw if len(raw) <= limit else raw[:limit] + "…"
    return "'" + "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in cut) + "'"
