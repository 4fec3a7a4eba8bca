"""Words for ImageNet classes: their own names, and what people call the family they belong to."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib.resources import files

import regex

_LETTERS = regex.compile(r"\p{L}+")
_MAX_NAMES = 3
"""Further synonyms of a class are Latin names and rare words."""


def class_terms(number: int, name: str) -> tuple[str, ...]:
    """Return the terms of one class, lower case, the words of a term separated by single spaces.

    Args:
        number: its index among the network's logits, 0 to 999.
        name: its synonyms, separated by commas ("tabby, tabby cat").
    """
    synonyms = [" ".join(_LETTERS.findall(part.casefold())) for part in name.split(",")[:_MAX_NAMES]]
    return tuple(dict.fromkeys(term for term in (*synonyms, *families().get(number, ())) if term))


def class_label(name: str) -> str:
    """Return what a class is called in answers: the first of its synonyms, as it is written."""
    return name.split(",")[0].strip()


@lru_cache(maxsize=1)
def families() -> dict[int, tuple[str, ...]]:
    """Return class number -> general words, from ``class_families.toml``."""
    table = tomllib.loads((files("recommend") / "class_families.toml").read_text(encoding="utf-8"))
    words: dict[int, list[str]] = {}
    for family in table["family"]:
        for first, last in family["classes"]:
            for number in range(first, last + 1):
                words.setdefault(number, []).extend(family["words"])
    return {number: tuple(dict.fromkeys(terms)) for number, terms in words.items()}
