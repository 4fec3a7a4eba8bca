"""Which language a caption is in, which languages a hashtag can be of, and the hashtags to rank down for it.

Captions and Latin hashtags are read by CLD2 (Compact Language Detector 2, https://github.com/CLD2Owners/cld2): 7 ms
and 4 MB to load, microseconds a text. It is wrong on short texts more often than on long ones, so whatever it does
not call reliable has no effect. Limits that are known:

- Captions of fewer than ``MIN_WORDS`` words, or of languages outside ``CAPTION_LANGUAGES``, have no language; those of
  two languages are told as one of the two, or not at all. Of 26,000 captions, nearly all English, 73 were taken for
  another language, about a dozen of them wrongly: names and places ("flowers of notre dame").
- Most Latin hashtags have no language: names, coined words and words that several languages share. Of 8,600, 1,053
  were found to be English and 81 of the other ``LATIN_LANGUAGES``, about six of these wrongly ("broncos").
- People write English hashtags below captions of any language: below the captions of other languages 16 % of the known
  hashtags were surely English, below English ones 11 %. Ranking them down is what a caller asks for by naming a
  language; it is no better guess.
- A hashtag in another script is certain, but a script serves many languages: a Russian hashtag is not ranked down for
  a Bulgarian caption.
- CLD2 is not built for some systems. There captions and Latin hashtags have no language; scripts still count.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import regex
from numpy.typing import NDArray

PENALTY = np.float32(-1.0)
"""What a hashtag of another language loses, before the caller scales it to its scores."""

MIN_WORDS = 4
"""Words without which a caption says too little."""
CAPTION_SHARE = 90
"""Per cent of a caption that must be in its language."""
# A single short word never reaches 90 per cent: CLD2 counts the spaces around it.
_TAG_SHARE = 80

CAPTION_LANGUAGES = frozenset(
    [
        "ar",
        "bg",
        "cs",
        "de",
        "el",
        "en",
        "es",
        "fa",
        "fi",
        "fr",
        "he",
        "hi",
        "hu",
        "id",
        "it",
        "ja",
        "ko",
        "ms",
        "nl",
        "no",
        "pl",
        "pt",
        "ro",
        "ru",
        "sv",
        "th",
        "tr",
        "uk",
        "vi",
        "zh",
    ]
)
"""Languages that captions are believed to be in. CLD2 knows more, but English captions full of names and slang are
taken for the others (Danish, Scots, Manx) more often than those occur."""
LATIN_LANGUAGES = frozenset(["de", "en", "es", "it", "pt"])
"""Languages that one Latin word is believed to be of; others were wrong more often than right."""

_SCRIPTS: dict[str, frozenset[str]] = {
    script: frozenset(languages.split())
    for script, languages in {
        # Kana before Han: Japanese has both.
        r"\p{Hiragana}\p{Katakana}": "ja",
        r"\p{Han}": "zh ja",
        r"\p{Hangul}": "ko",
        r"\p{Cyrillic}": "ru uk be bg mk sr kk ky mn tg",
        r"\p{Greek}": "el",
        r"\p{Hebrew}": "he yi",
        r"\p{Arabic}": "ar fa ur ps ckb ug",
        r"\p{Devanagari}": "hi mr ne sa",
        r"\p{Bengali}": "bn as",
        r"\p{Gurmukhi}": "pa",
        r"\p{Gujarati}": "gu",
        r"\p{Tamil}": "ta",
        r"\p{Telugu}": "te",
        r"\p{Kannada}": "kn",
        r"\p{Malayalam}": "ml",
        r"\p{Sinhala}": "si",
        r"\p{Thai}": "th",
        r"\p{Lao}": "lo",
        r"\p{Khmer}": "km",
        r"\p{Myanmar}": "my",
        r"\p{Georgian}": "ka",
        r"\p{Armenian}": "hy",
        r"\p{Ethiopic}": "am ti",
    }.items()
}
_SCRIPT_SIGNS = [(regex.compile(f"[{script}]"), languages) for script, languages in _SCRIPTS.items()]
_LATIN = regex.compile(r"[\p{Latin}\p{M}]+")
_OTHER_LETTER = regex.compile(r"[^\P{L}\p{Latin}\p{Common}\p{Inherited}]")
# Codes that CLD2 or callers use for the same language.
_SAME = {"iw": "he", "in": "id", "nb": "no", "nn": "no", "ji": "yi", "mo": "ro"}

Detect = Callable[[str, int], str | None]
"""(text, per cent) to the language that at least so much of the text is surely in, as a primary tag, or None."""


def primary_tag(language: str) -> str:
    """Return the primary BCP 47 tag of a language: ``pt`` for ``pt-BR``."""
    first = language.strip().replace("_", "-").split("-")[0].lower()
    return _SAME.get(first, first)


@cache
def _cld2() -> Any:
    """Return the pycld2 module, or None where it has no build."""
    try:
        return importlib.import_module("pycld2")
    except ImportError:
        return None


def detect_language(text: str, share: int) -> str | None:
    """Return the language that at least ``share`` per cent of ``text`` is surely in, or None."""
    cld2 = _cld2()
    if cld2 is None:
        return None
    try:
        reliable, _, found = cld2.detect(text)
    except (cld2.error, UnicodeEncodeError):
        # Code points that Unicode keeps out of texts, and half surrogates.
        return None
    _, code, per_cent, _ = found[0]
    return primary_tag(code) if reliable and per_cent >= share else None


def caption_language(words: Sequence[str], detect: Detect = detect_language) -> str | None:
    """Return the primary tag of a caption's language, or None when it is not clear.

    Args:
        words: caption tokens as ``core.text.caption.caption_words`` makes them; emoji are passed over.
        detect: returns the language of a text.
    """
    letters = [word for word in words if word[:1].isalpha()]
    if len(letters) < MIN_WORDS:
        return None
    language = detect(" ".join(letters), CAPTION_SHARE)
    return language if language in CAPTION_LANGUAGES else None


def languages_of(tag: str, segment: Callable[[str], Sequence[str]], detect: Detect = detect_language) -> frozenset[str]:
    """Return the primary tags of the languages that a hashtag can be of; none when that is not clear.

    A script other than Latin decides. A Latin hashtag is read as a whole; when that gives a language other than
    English, its words must give the same, or "iloveyou" would be Danish.

    Args:
        tag: in normal form.
        segment: cuts a run of letters into words.
        detect: returns the language of a text.
    """
    if _OTHER_LETTER.search(tag):
        return next((languages for signs, languages in _SCRIPT_SIGNS if signs.search(tag)), frozenset())
    runs = _LATIN.findall(tag)
    language = detect(" ".join(runs), _TAG_SHARE)
    if language not in LATIN_LANGUAGES:
        return frozenset()
    if language != "en" and language != detect(" ".join(word for run in runs for word in segment(run)), _TAG_SHARE):
        return frozenset()
    return frozenset({language})


@dataclass(frozen=True, slots=True)
class TagLanguages:
    """The languages of a vocabulary. Safe to share between threads.

    Attributes:
        groups: sets of languages; the first is empty, for hashtags of which nothing is known.
        group_of: (n_tags,) int16 index in ``groups`` of each hashtag.
    """

    groups: tuple[frozenset[str], ...]
    group_of: NDArray[np.int16]

    def penalty(self, language: str | None) -> NDArray[np.float32]:
        """Return (n_tags,) float32: ``PENALTY`` where a hashtag is of other languages, else 0.

        Args:
            language: a BCP 47 tag; None and ``any`` rank nothing down.
        """
        if language is None or primary_tag(language) == "any":
            return np.zeros(self.group_of.shape, dtype=np.float32)
        wanted = primary_tag(language)
        by_group = [PENALTY if group and wanted not in group else np.float32(0) for group in self.groups]
        return np.array(by_group, dtype=np.float32)[self.group_of]


def build_tag_languages(
    tags: Sequence[str], segment: Callable[[str], Sequence[str]], detect: Detect = detect_language
) -> TagLanguages:
    """Return the languages of ``tags`` (see ``languages_of``); some 10 microseconds a hashtag."""
    groups: dict[frozenset[str], int] = {frozenset(): 0}
    group_of = [groups.setdefault(languages_of(tag, segment, detect), len(groups)) for tag in tags]
    return TagLanguages(tuple(groups), np.array(group_of, dtype=np.int16))
