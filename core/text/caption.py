"""Captions to words: one function, used when counting training posts and when answering.

A word is what could be a piece of a hashtag. Hashtags, mentions, links, addresses and numbers are taken out first,
so that what is learnt about words is not learnt from the answers.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache

import regex

from core.text.hashtags import MAX_LENGTH, hashtag_spans, normalise
from core.text.links import EMAIL, link_spans
from core.text.markup import decode_entities

MAX_WORDS = 1000
MAX_WORD_LENGTH = 50
_MAX_CAPTION = 20_000

_MENTION = regex.compile(r"(?<![\p{L}\p{N}_])[@＠][\p{L}\p{N}_][\p{L}\p{N}_.-]*(?:@[\p{L}\p{N}_.-]+)?")
# Markup and the placeholders of published corpora (<user>, <num>, <url>); "<3" stays a heart and is not a word.
_MARKUP = regex.compile(r"</?[a-zA-Z]{1,12}(?:\s[^<>]{0,200})?/?>")
# Signs that NFKC would turn into letters and glue to the word before ("nike™" is not "niketm").
_TRADE_SIGNS = regex.compile(r"[©®™℠℗]")
_ELISION = regex.compile(r"(?<![\p{L}\p{N}])(?:[ld]|qu)['’](?=[aeiouyhàâéèêëîïôöûüœ]\p{L}{2})")
_APOSTROPHES = regex.compile(r"(?<=\p{L})['’ʼ‘`´＇](?=\p{L})")
_TONES_AND_SELECTORS = regex.compile(r"[\U0001f3fb-\U0001f3ff\ufe00-\ufe0f]")
_RUNS_OF_ONE_LETTER = regex.compile(r"(\p{L})\1{2,}")

_PICTURE = r"(?=\p{Emoji})\p{Extended_Pictographic}"
_TOKEN = regex.compile(
    rf"""
      [\p{{L}}\p{{N}}] [\p{{L}}\p{{M}}\p{{N}}]*+
    | {_PICTURE} (?: \u200d {_PICTURE} )*+
    | [\U0001f1e6-\U0001f1ff]{{2}}
    """,
    regex.VERBOSE,
)
_ASCII_TOKEN = regex.compile(r"[a-z0-9]++")
_HAS_LETTER = regex.compile(r"\p{L}")
_IS_EMOJI = regex.compile(rf"{_PICTURE}|[\U0001f1e6-\U0001f1ff]")
# Scripts written without spaces, cut where the script changes; kana words and Han words seldom share a piece.
_UNSPACED = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}]")
_PIECES = regex.compile(
    r"[\p{Han}々〆]+ | [\p{Katakana}ー]+ | \p{Hiragana}+ | [^\p{Han}\p{Hiragana}\p{Katakana}々〆ー]+",
    regex.VERBOSE,
)
_HAN = regex.compile(r"[\p{Han}々〆]+")

_STOP_WORDS = """
a about after again all also am an and any are as at be because been before being but by can cant could did
didnt do does doesnt doing dont down each even ever every few for from further get gets getting go goes going
gonna got had has have having he hed her here heres hers him his how i id if ill im in into is isnt it its ive
just let lets like me more most much my myself no nor not now of off oh ok on once one only or other our ours out
over own really s same see she shes should so some still such t than that thats the their theirs them then there
theres these they theyre this those though through to too u under until up upon ur us very via want was wasnt we
were weve what whats when where which while who whos why will with wont would yes yet you youd youll your youre
yours youve
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())
"""Frequent English words that carry no subject, apostrophes taken out."""


def caption_words(caption: str) -> tuple[str, ...]:
    """Return the words and emoji of a caption in the order of use, at most ``MAX_WORDS``.

    Hashtags, @mentions, links, e-mail addresses, markup and bare numbers are taken out, and HTML's entities are read
    as their characters. Words are NFKC and case
    folded; apostrophes inside them vanish (``don't`` gives ``dont``; French ``l'été`` gives ``été``), three or more
    equal letters become two. An emoji is a token of its own without skin tone and variation selector; the same emoji
    in a row counts once. Runs of Han longer than three signs become overlapping pairs, since no spaces tell their
    words apart.
    """
    text = unicodedata.normalize("NFKC", _TRADE_SIGNS.sub(" ", _prose(caption[:_MAX_CAPTION])))
    text = _TONES_AND_SELECTORS.sub("", text)
    text = unicodedata.normalize("NFKC", text.casefold())
    text = _APOSTROPHES.sub("", _ELISION.sub(" ", text))
    words: list[str] = []
    for token in (_ASCII_TOKEN if text.isascii() else _TOKEN).findall(text):
        if token.isascii():
            if not token.isdigit():
                words.append(_squeeze(token))
        elif token[0].isalnum():
            words.extend(_squeeze(piece) for piece in _split_unspaced(token) if _HAS_LETTER.search(piece))
        elif not words or words[-1] != token:
            words.append(token)
        if len(words) >= MAX_WORDS:
            break
    return tuple(words[:MAX_WORDS])


def phrases(words: Sequence[str], max_words: int = 4) -> Iterator[tuple[str, int, int]]:
    """Yield (joined, start, n) for each run of 1 to ``max_words`` words that could be a hashtag as one word.

    ``new york city`` gives ``newyorkcity`` with n = 3. Runs of two and more neither start nor end with a stop word;
    none holds an emoji. Shorter runs come first among those that start at the same word.
    """
    for start, first in enumerate(words):
        joined = ""
        for n, word in enumerate(words[start : start + max_words], 1):
            if _IS_EMOJI.match(word):
                break
            joined += word
            if len(joined) > MAX_LENGTH or (n > 1 and first in STOP_WORDS):
                break
            if n > 1 and word in STOP_WORDS:
                continue
            if joined.isascii() or normalise(joined) == joined:
                yield joined, start, n


def _prose(caption: str) -> str:
    """Blank out what is not prose: hashtags, links, addresses, mentions and markup."""
    caption = decode_entities(caption)
    caption = _blank(caption, hashtag_spans(caption))
    if "@" in caption or "＠" in caption:
        caption = _MENTION.sub(" ", EMAIL.sub(" ", caption))
    caption = _blank(caption, link_spans(caption))
    return _MARKUP.sub(" ", caption) if "<" in caption else caption


def _blank(text: str, spans: list[tuple[int, int]]) -> str:
    if not spans:
        return text
    kept, at = [], 0
    for start, end in spans:
        kept.append(text[at:start])
        at = end
    return " ".join((*kept, text[at:]))


@lru_cache(maxsize=65_536)
def _squeeze(word: str) -> str:
    return _RUNS_OF_ONE_LETTER.sub(r"\1\1", word)[:MAX_WORD_LENGTH]


def _split_unspaced(word: str) -> list[str]:
    if not _UNSPACED.search(word):
        return [word]
    pieces: list[str] = []
    for piece in _PIECES.findall(word):
        if len(piece) > 3 and _HAN.fullmatch(piece):
            pieces.extend(piece[at : at + 2] for at in range(len(piece) - 1))
        else:
            pieces.append(piece)
    return pieces
