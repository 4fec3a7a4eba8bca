"""How a hashtag is shown: ``goldenretriever`` as ``GoldenRetriever``, so that screen readers can tell its words.

The words are those of the most probable way to cut the hashtag, with independent words (Viterbi over word
frequencies; Norvig, "Natural Language Corpus Data", in Beautiful Data, 2009).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

import regex

MAX_WORD = 24
"""Letters of the longest word that is looked for."""

# Of all strings of one and two letters only these are words to cut at; corpora hold every other one as well.
_TWO_LETTERS = "am an as at be by do go he hi if in is it me my no of oh ok on or so to up us we la le el de da di du"
_SHORT_WORDS = frozenset(("a", "i", *_TWO_LETTERS.split()))
# Three letters make a word from this share of all uses on; below it are names of banks and ends of German words.
_SHORT_WORD_SHARE = 1 / 100_000
# Pieces that only hashtags are made of, with the share of uses that they are taken to have.
_COINED = {"insta": 1e-3, "stagram": 3e-4, "gram": 1e-4, "igers": 1e-4, "inspo": 1e-4, "vsco": 1e-4, "fam": 1e-4}
# Read letter by letter, so shown in capitals.
_CAPITALS = """
asmr bbc bbq bff bmw bnw bts ceo cnn diy dj dslr eu fbf gmo hbd hdr html ios jpg kfc lgbt lgbtq mlb nba nfl nhl nyc
nyfw ootd ootn pov qotd rpg sf tbt tgif uae uk usa usmc wcw wip wwe xoxo yolo
"""
_INITIALS = frozenset(_CAPITALS.split())
# A word that no corpus knows is as probable as one use in the corpus, and ten times less for each letter (Norvig). The
# shortest cost as much as five letters, or they would be cut off the ends of longer unknown words.
_LOG_UNKNOWN_LETTER = math.log(10)
_CHEAPEST_UNKNOWN = 5
# Two words often written as one are still two where both have so many letters and are used so many times more than it.
_COMPOUND_PIECE = 4
_COMPOUND_RATIO = 10
# Neighbours are a phrase where captions hold them this many times more often than chance would (Mikolov et al. 2013,
# "Distributed Representations of Words and Phrases", section 4): "ice cream", and not "put in".
_PHRASE_LIFT = 10
# A post that carries a word as a hashtag counts like this many uses in captions. Both were chosen by the list of
# tests/e2e/test_display_forms.py and by what they change among the hashtags of the bundle that ships.
_TAG_USES = 0.5

# Letters of scripts with capitals; digits; anything else, sign by sign.
_RUNS = regex.compile(
    r"(?P<letters>[\p{Latin}\p{Greek}\p{Cyrillic}\p{Armenian}][\p{Latin}\p{Greek}\p{Cyrillic}\p{Armenian}\p{M}]*+)"
    r"|(?P<digits>\p{Nd}++)|(?P<other>.)",
    regex.DOTALL,
)
_ORDINAL = regex.compile(r"st|nd|rd|th")


class Segmenter:
    """Cuts hashtags into words by how often the words are used. Safe across threads, always of one answer.

    Attributes:
        counts: uses of each word; with the same counts another segmenter answers the same.
    """

    def __init__(self, counts: Mapping[str, float]) -> None:
        self.counts = {word: count for word, count in counts.items() if count > 0 and len(word) <= MAX_WORD}
        total = max(2, sum(self.counts.values()))
        self._log_probability = {word: math.log(count / total) for word, count in self.counts.items()}
        self._log_unknown = -math.log(total)
        self._display = lru_cache(maxsize=65_536)(self._display_form)

    def display(self, hashtag: str) -> str:
        """Return the PascalCase form of a hashtag in normal form; case folded, it is the hashtag again."""
        return self._display(hashtag)

    def segment(self, letters: str) -> tuple[str, ...]:
        """Return the words of a run of letters: the most probable cut, ties by the longer last word."""
        return self._best_cut(letters)[0]

    def _display_form(self, hashtag: str) -> str:
        shown: list[str] = []
        after_digits = ""
        for match in _RUNS.finditer(hashtag):
            run = match[0]
            if match.lastgroup == "letters":
                kept = self._suffix_length(after_digits, run)
                shown.append(run[:kept])
                shown.extend(_capitalise(word) for word in self.segment(run[kept:]))
            else:
                shown.append(run)
            after_digits = run if match.lastgroup == "digits" else ""
        return "".join(shown)

    def _suffix_length(self, digits: str, run: str) -> int:
        """Return how many letters belong to the number before them, as in 4th and 90s."""
        if not digits:
            return 0
        if _ORDINAL.match(run) and (len(run) == 2 or self._log_score(run[2:]) > self._log_score(run)):
            return 2
        decade = len(digits) > 1 and digits.endswith("0") and run[0] == "s"
        return int(decade and (len(run) == 1 or self._log_score(run[1:]) > self._log_score(run)))

    def _log_score(self, letters: str) -> float:
        return self._best_cut(letters)[1]

    def _best_cut(self, letters: str) -> tuple[tuple[str, ...], float]:
        """Viterbi: ``best[end]`` is the log probability of the best cut of ``letters[:end]``."""
        best = [0.0] + [-math.inf] * len(letters)
        came_from = [0] * (len(letters) + 1)
        for end in range(1, len(letters) + 1):
            # Longer last words first, and only what is strictly better replaces: ties are the same on each machine.
            for start in range(max(0, end - MAX_WORD), end):
                score = best[start] + self._log_word(letters[start:end])
                if score > best[end]:
                    best[end], came_from[end] = score, start
        words: list[str] = []
        end = len(letters)
        while end > 0:
            words.append(letters[came_from[end] : end])
            end = came_from[end]
        return tuple(reversed(words)), best[-1]

    def _log_word(self, word: str) -> float:
        known = self._log_probability.get(word)
        return (
            known if known is not None else self._log_unknown - max(len(word), _CHEAPEST_UNKNOWN) * _LOG_UNKNOWN_LETTER
        )


def build_word_counts(
    captions: Iterable[Sequence[str]], hashtags: Mapping[str, int], frequent_words: Sequence[str], n_words: int = 60_000
) -> dict[str, int]:
    """Return word counts for a ``Segmenter``, the ``n_words`` most used, most used first.

    Args:
        captions: words of training captions, hashtags taken out.
        hashtags: uses of each training hashtag: the pieces of them that no corpus knows are words as well ("ootd").
        frequent_words: words of a large corpus, most frequent first; their counts follow from their rank (Zipf).
        n_words: how many words are kept.
    """
    counts = Counter(word for words in captions for word in words)
    # About as many uses as the captions have, so that neither corpus drowns the other.
    scale = max(1_000_000, counts.total()) / sum(1 / rank for rank in range(1, len(frequent_words) + 2))
    for rank, word in enumerate(frequent_words, 1):
        counts[word] += round(scale / rank)
    total = counts.total()
    words = {word: count for word, count in counts.items() if count > 1 and _is_word(word, count / total)}
    words |= {word: round(share * total) for word, share in _COINED.items()}
    words = {word: count for word, count in words.items() if not _is_compound(word, count, words)}
    known = Segmenter(words)
    unknown: Counter[str] = Counter()
    for hashtag, count in hashtags.items():
        if hashtag.isalpha() and count > 1:
            unknown.update({part: count for part in known.segment(hashtag) if part not in words and len(part) > 2})
    words |= unknown
    return dict(sorted(words.items(), key=lambda entry: (-entry[1], entry[0]))[:n_words])


def as_used(
    words: Mapping[str, int], captions: Mapping[str, int], hashtags: Mapping[str, int], n_posts: int
) -> dict[str, float]:
    """Return ``words`` with what a corpus says of how people write them in hashtags.

    A word that captions oftener hold as a phrase is two ("icecream"); one that they hold in one piece, and not oftener
    in two, is one ("waterfall"); and what is used as a hashtag is rather a piece of others than what is used in
    sentences alone ("doglover" is no "do" and "glover").

    Args:
        words: as ``build_word_counts`` makes them.
        captions: posts whose caption holds a word, or two that follow each other, separated by a space.
        hashtags: posts that carry a hashtag.
        n_posts: of the corpus.
    """
    phrases: dict[str, int] = {}
    for token, n_together in captions.items():
        first, _, second = token.partition(" ")
        if first in words and second in words:
            by_chance = captions.get(first, 1) * captions.get(second, 1) / n_posts
            if n_together >= _PHRASE_LIFT * by_chance:
                phrases[first + second] = max(n_together, phrases.get(first + second, 0))
    used: dict[str, float] = {
        word: count for word, count in words.items() if phrases.get(word, 0) <= captions.get(word, 0)
    }
    known = Segmenter(words)
    for word, count in captions.items():
        if word.isalpha() and len(word) <= MAX_WORD and word not in words and count > phrases.get(word, 0):
            pieces = known.segment(word)
            if len(pieces) == 2 and min(map(len, pieces)) >= _COMPOUND_PIECE:
                used[word] = count
    return {word: count + _TAG_USES * hashtags.get(word, 0) for word, count in used.items()}


def _is_word(word: str, share: float) -> bool:
    if not word.isalpha():
        return False
    if not word.isascii() or len(word) > 3:
        return True
    return share >= _SHORT_WORD_SHARE if len(word) == 3 else word in _SHORT_WORDS


def _is_compound(word: str, count: int, words: Mapping[str, int]) -> bool:
    return any(
        min(words.get(word[:at], 0), words.get(word[at:], 0)) >= _COMPOUND_RATIO * count
        for at in range(_COMPOUND_PIECE, len(word) - _COMPOUND_PIECE + 1)
    )


def _capitalise(word: str) -> str:
    if word in _INITIALS:
        return word.upper()
    first = word[0].upper()
    # Some letters have no capital of their own ("ŉ" would become two), and must come back when folded.
    return first + word[1:] if first.casefold() == word[0] else word
