"""Lists of words with ``*`` for any run of signs: how the data files name families of hashtags."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import regex


def compile_wildcards(groups: Iterable[tuple[Sequence[str], Sequence[str]]]) -> regex.Pattern[str]:
    """Return an expression that fully matches a hashtag when any group's words do and its exceptions do not.

    Args:
        groups: (words, exceptions) pairs; ``*`` in a word stands for any run of signs, the empty one too.
    """
    parts = []
    for words, exceptions in groups:
        if words:
            unless = f"(?!(?:{_either(exceptions)})$)" if exceptions else ""
            parts.append(f"{unless}(?:{_either(words)})")
    # An expression that matches nothing, for no words at all.
    return regex.compile("|".join(parts) if parts else r"(?!)", regex.DOTALL)


def _either(words: Sequence[str]) -> str:
    return "|".join(".*".join(map(regex.escape, word.split("*"))) for word in words)
