"""What sources have in common that are asked for photographs by a word."""

from __future__ import annotations

from collections.abc import Sequence

from core.text.hashtags import normalise
from scraper.errors import PageRefused
from scraper.port import Target

KIND = "search"


def word_targets(topic: str | None, words: Sequence[str]) -> tuple[Target, ...]:
    """Return one search for each different word; words of several parts are found under the hashtag they make."""
    distinct = dict.fromkeys(word.strip() for word in words if word.strip())
    return tuple(Target(KIND, word, topic, normalise("".join(word.split()))) for word in distinct)


def demand_search(source: str, target: Target) -> None:
    """Return when the target is a search.

    Raises:
        PageRefused: it is of another kind, which the source does not have.
    """
    if target.kind != KIND:
        raise PageRefused(f"{source} has no targets of kind {target.kind!r}; it has words ({KIND})")
