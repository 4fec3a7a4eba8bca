"""Hashtags that are never learnt and never suggested, from a data file that an operator edits.

The same list is asked in training and in serving, so that a word is in no table and in no answer.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Literal, cast, get_args

import regex

from core.errors import DataError
from core.text.wildcards import compile_wildcards

BUILT_IN = Path(__file__).with_name("blocklist.txt")

Category = Literal["slur", "hate", "sexual", "self-harm"]

_ALLOWED = "allowed"
_SECTION = regex.compile(r"\[(.*)\]")
_ENTRY = regex.compile(r"(?=.*[^*_])[\p{Ll}\p{Lo}\p{M}\p{Nd}_*]+")
# Digits that stand for letters; a 1 for two of them.
_SPELLINGS = tuple(str.maketrans("013456789", f"o{letter}easgtbg") for letter in "il")
_RUNS_OF_THREE = regex.compile(r"(\p{L})\1{2,}")


class Blocklist:
    """The categories of hashtags that must not be used. Safe across threads."""

    def __init__(self, entries: Mapping[Category, Sequence[str]], allowed: Sequence[str] = ()) -> None:
        self._patterns = {category: compile_wildcards([(words, ())]) for category, words in entries.items()}
        self._allowed = compile_wildcards([(allowed, ())])
        self._cached = lru_cache(maxsize=65_536)(self._look_up)

    def blocked(self, hashtag: str) -> Category | None:
        """Return why a hashtag in normal form must not be used, or None when it may be."""
        return self._cached(hashtag)

    def _look_up(self, hashtag: str) -> Category | None:
        spellings = _spellings(hashtag)
        if any(self._allowed.fullmatch(spelling) for spelling in spellings):
            return None
        for category, pattern in self._patterns.items():
            if any(pattern.fullmatch(spelling) for spelling in spellings):
                return category
        return None


def load_blocklist(path: Path | None = None) -> Blocklist:
    """Read a block list; without ``path`` the built-in one.

    Raises:
        DataError: the file cannot be read, or a line is not an entry; the message names file and line.
    """
    path = path or BUILT_IN
    try:
        lines = path.read_text("utf-8").splitlines()
    except OSError as error:
        raise DataError(f"the block list {path} cannot be read ({error.strerror}); name another file") from error
    except UnicodeDecodeError as error:
        raise DataError(f"the block list {path} is not UTF-8") from error
    sections: dict[str, list[str]] = {name: [] for name in (*get_args(Category), _ALLOWED)}
    section: str | None = None
    for number, line in enumerate(lines, 1):
        entry = line.split("#", 1)[0].strip()
        header = _SECTION.fullmatch(entry)
        if header is not None:
            section = header[1]
        elif not entry:
            continue
        elif section is None or not _ENTRY.fullmatch(entry):
            raise DataError(
                f"{path}, line {number}: {entry!r} is not an entry; letters, digits and '*' below a [section]"
            )
        else:
            sections[section].append(_plain(entry))
        if section not in sections and section is not None:
            raise DataError(f"{path}, line {number}: no section [{section}]; there are {', '.join(sections)}")
    allowed = sections.pop(_ALLOWED)
    return Blocklist(cast("dict[Category, list[str]]", sections), allowed)


def _plain(text: str) -> str:
    """Take away underscores and accents."""
    signs = unicodedata.normalize("NFKD", text.replace("_", ""))
    return unicodedata.normalize("NFC", "".join(sign for sign in signs if not unicodedata.combining(sign)))


def _spellings(hashtag: str) -> tuple[str, ...]:
    """Return the words that a hashtag may stand for: as it is, digits read as letters, runs of a letter shortened."""
    plain = _plain(hashtag)
    read = dict.fromkeys((plain, *(plain.translate(table) for table in _SPELLINGS)))
    shortened = (_RUNS_OF_THREE.sub(run, word) for word in read for run in (r"\1\1", r"\1"))
    return tuple(dict.fromkeys((*read, *shortened)))
