"""Posts that advertise, trade in followers or come from a program: a named rule for each kind.

A rule sees a single post and compares a count with a threshold of ``[clean.spam]``, so that its verdict can be put in
a sentence and checked by eye. A single word ("follow", "sale") is never enough, because people write those words too.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files

import regex

from core.text.caption import caption_words
from core.text.hashtags import hashtag_spans, normalise
from core.text.links import EMAIL, link_spans
from core.text.wildcards import compile_wildcards
from pipelines.config.clean import SpamConfig

MIN_WORDS_TO_REPEAT = 10
WORDS_A_SIGN = 60
"""Words of a caption for each further sign that an advertisement must show."""
MAX_CHARACTERS = 10_000
"""No platform that people post photographs to allows a longer caption."""

_MENTION = regex.compile(r"(?<![\p{L}\p{N}_])[@＠][\p{L}\p{N}_]")
# 7 to 15 digits as people write numbers to be called; a year, a date, a size or a count has fewer.
_PHONE = regex.compile(
    r"(?<![\p{L}\p{N}.,#@$€£/-])(?:\+|00)?(?:\(?\d{1,5}\)?[ .\u2011-]?){2,5}\d{2,4}(?![\p{L}\p{N}%$€£/])"
)
_DIGIT = regex.compile(r"\d")
_DATE = regex.compile(r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}|(?:19|20)\d\d ?[-\u2013] ?(?:19|20)\d\d")
_PHONE_DIGITS = range(8, 16)
_AMOUNT = r"\d{1,3}(?:[.,' ]\d{3})+(?:[.,]\d{1,2})?|\d+(?:[.,]\d{1,2})?"
_MONEY = r"[$€£₹₦₱฿₫₺₽¥]|(?:us|au|ca|sg|hk)\$|rs\.?|rp\.?|idr|inr|usd|eur|gbp|aed|myr|rm|php|ngn|ksh|r\$|chf"
_PRICE = regex.compile(
    rf"(?<![\p{{L}}\p{{N}}])(?:{_MONEY}) ?(?:{_AMOUNT}) ?(?:k|rb)?(?![\p{{L}}])"
    rf"|(?<![\p{{L}}\p{{N}}#.,])(?:{_AMOUNT}) ?(?:[$€£₹₺₽¥]|usd|eur|gbp|aed|inr|idr|dollars|euros?|tl)"
    r"(?![\p{L}\p{N}])",
    regex.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class TidyPost:
    """What a rule may look at.

    Attributes:
        caption: tidied, hashtags where they stood.
        words: of the caption, as :func:`core.text.caption.caption_words` makes them.
        hashtags: in normal form, without those of the block list.
    """

    caption: str
    words: tuple[str, ...]
    hashtags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SpamRule:
    """A kind of spam.

    Attributes:
        name: as counted in reports.
        sentence: what the rule drops, for the report.
        breaks: whether a post does.
    """

    name: str
    sentence: str
    breaks: Callable[[TidyPost, SpamConfig], bool]


def _endless(post: TidyPost, config: SpamConfig) -> bool:
    return len(post.caption) > MAX_CHARACTERS


def _hashtag_pile(post: TidyPost, config: SpamConfig) -> bool:
    return len(post.hashtags) > config.max_hashtags


def _link_farm(post: TidyPost, config: SpamConfig) -> bool:
    return len(link_spans(post.caption)) > config.max_links


def _mention_burst(post: TidyPost, config: SpamConfig) -> bool:
    if post.caption.count("@") + post.caption.count("＠") <= config.max_mentions:
        return False
    # A photographer who thanks a team writes about the picture too.
    return len(_MENTION.findall(post.caption)) > max(config.max_mentions, len(post.words))


def _price_list(post: TidyPost, config: SpamConfig) -> bool:
    if not _DIGIT.search(post.caption):
        return False
    return len(_PRICE.findall(post.caption)) > config.max_prices


def _repeated_hashtag(post: TidyPost, config: SpamConfig) -> bool:
    if post.caption.count("#") + post.caption.count("＃") <= config.max_repeats:
        return False
    spans = hashtag_spans(post.caption)
    if len(spans) <= config.max_repeats:
        return False
    counts = Counter(normalise(post.caption[start:end]) for start, end in spans)
    return max(counts.values()) > config.max_repeats


def _repeated_words(post: TidyPost, config: SpamConfig) -> bool:
    words = [word for word in post.words if word[:1].isalnum()]
    return len(words) >= MIN_WORDS_TO_REPEAT and len(set(words)) < config.min_different * len(words)


def _follow_trade(post: TidyPost, config: SpamConfig) -> bool:
    n_asking = sum(map(_asks_for_followers, post.hashtags))
    return n_asking >= max(config.min_follow_tags, config.min_follow_share * len(post.hashtags))


def _advertisement(post: TidyPost, config: SpamConfig) -> bool:
    # Whoever tells a long story says "price" and "order" somewhere in it.
    wanted = config.min_advert_signs + len(post.words) // WORDS_A_SIGN
    return len(advert_signs(post.caption, post.words)) >= wanted


RULES: tuple[SpamRule, ...] = (
    SpamRule("endless-caption", "captions longer than any platform for photographs allows", _endless),
    SpamRule("hashtag-pile", "more different hashtags than a person chooses", _hashtag_pile),
    SpamRule("link-farm", "captions that are mostly links", _link_farm),
    SpamRule("mention-burst", "captions that call more accounts than they have words", _mention_burst),
    SpamRule("price-list", "captions that list prices", _price_list),
    SpamRule("repeated-hashtag", "captions that say one hashtag again and again", _repeated_hashtag),
    SpamRule("repeated-words", "captions that say a few words again and again", _repeated_words),
    SpamRule("follow-trade", "hashtags that trade follows and likes", _follow_trade),
    SpamRule("advertisement", "several signs of an offer at once", _advertisement),
)


def advert_signs(caption: str, words: Sequence[str]) -> frozenset[str]:
    """Return the different signs of an offer in a caption: ``telephone``, ``mail``, ``price`` and the lists' names.

    Args:
        caption: as it is.
        words: its words; where none of them stands in a list, the lists need not be searched.
    """
    lists = _words()
    folded = " ".join(caption.casefold().replace("’", "'").split())
    signs: set[str] = set()
    if not lists.telling.isdisjoint(words):
        signs.update(name for name, phrases in lists.advert.items() if phrases.search(folded))
    if "@" in folded and EMAIL.search(folded):
        signs.add("mail")
    if _DIGIT.search(folded):
        if _PRICE.search(folded):
            signs.add("price")
        if any(sum(map(str.isdigit, number)) in _PHONE_DIGITS for number in _PHONE.findall(_DATE.sub(" ", folded))):
            signs.add("telephone")
    return frozenset(signs)


@lru_cache(maxsize=65_536)
def _asks_for_followers(hashtag: str) -> bool:
    return _words().follow.fullmatch(hashtag) is not None


@dataclass(frozen=True, slots=True)
class _SpamWords:
    """The lists of ``spam_words.toml``.

    Attributes:
        follow: matches hashtags that ask for followers or likes.
        advert: sign of an offer -> finds its phrases.
        telling: of each phrase the longest word.
    """

    follow: regex.Pattern[str]
    advert: dict[str, regex.Pattern[str]]
    telling: frozenset[str]


@cache
def _words() -> _SpamWords:
    lists = tomllib.loads((files("pipelines") / "cleaning" / "spam_words.toml").read_text(encoding="utf-8"))
    advert = {
        name: regex.compile(rf"(?<![\p{{L}}\p{{N}}])(?:{'|'.join(map(regex.escape, phrases))})(?![\p{{L}}\p{{N}}])")
        for name, phrases in lists["advert"].items()
    }
    telling = {max(caption_words(phrase), key=len) for phrases in lists["advert"].values() for phrase in phrases}
    return _SpamWords(compile_wildcards([(lists["follow"]["hashtags"], ())]), advert, frozenset(telling))
