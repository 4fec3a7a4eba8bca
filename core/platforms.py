"""What each platform accepts, and the set of hashtags to put on a post there.

The rules are data with a source and a date (``platforms.toml``); an operator's file is laid over them. They judge
hashtags as they are shown, since platforms disagree about signs that the normal form leaves out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import regex

from core.counting import COUNTERS, utf8_bytes
from core.platform_rules import FACTS, FactName, read_rules
from core.text.hashtags import extract
from core.text.wildcards import compile_wildcards

LeftOutRule = Literal[
    "max_hashtags",
    "text_limit",
    "hashtag_signs",
    "hashtag_length",
    "foreign_platform",
    "already_in_caption",
]

# Between a caption and the hashtags people leave an empty line.
_GAP = "\n\n"


@dataclass(frozen=True, slots=True)
class Fact:
    """One dated rule of a platform.

    Attributes:
        name: of the rule.
        value: a whole number, or the parts of the rule for one hashtag.
        source: where it was read.
        as_of: the day it was read or set, ISO 8601, or None.
        confirmed: whether the platform itself says so.
    """

    name: FactName
    value: Any
    source: str
    as_of: str | None
    confirmed: bool


@dataclass(frozen=True, slots=True)
class HashtagRule:
    """What one hashtag may be, without its ``#``; None is no limit."""

    pattern: str
    max_length: int | None = None
    unit: str = "code_points"
    max_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Platform:
    """The rules of one platform; None is unknown, which is no limit.

    Attributes:
        name: as requests name it.
        title: as people write it.
        max_hashtags: in one post, those of the caption included.
        text_limit: length of the whole post, in the unit that ``counting`` names.
        byte_limit: length of the whole post in UTF-8 bytes.
        counting: a key of ``core.counting.COUNTERS``.
        hashtag: what one hashtag may be.
        inline: whether hashtags stand in the text and use up its length.
        joiner: what stands between two hashtags.
        notes: what else is worth knowing.
        facts: the rules with their sources and dates.
        foreign: a regular expression of the hashtags that belong to other platforms.
    """

    name: str
    title: str
    max_hashtags: int | None
    text_limit: int | None
    byte_limit: int | None
    counting: str
    hashtag: HashtagRule
    inline: bool
    joiner: str
    notes: tuple[str, ...]
    facts: tuple[Fact, ...]
    foreign: regex.Pattern[str]

    def count(self, text: str) -> int:
        """Return the length of ``text`` as this platform counts it."""
        return COUNTERS[self.counting](text)

    def rule_broken(self, shown: str) -> LeftOutRule | None:
        """Return the rule that one hashtag, as it would be shown without ``#``, breaks by itself."""
        rule = self.hashtag
        if not regex.fullmatch(rule.pattern, shown):
            return "hashtag_signs"
        if rule.max_length is not None and COUNTERS[rule.unit](shown) > rule.max_length:
            return "hashtag_length"
        if rule.max_bytes is not None and utf8_bytes(shown) > rule.max_bytes:
            return "hashtag_length"
        return "foreign_platform" if self.foreign.fullmatch(shown.casefold()) else None


@dataclass(frozen=True, slots=True)
class PlatformSet:
    """The hashtags to put on a post on one platform.

    Attributes:
        hashtags: in normal form, in the order given.
        text: the same as shown, with ``#``, ready to paste.
        characters: length of ``text`` as the platform counts.
        left_out: (hashtag, rule) for each that is not in the set, in the order given.
    """

    hashtags: tuple[str, ...]
    text: str
    characters: int
    left_out: tuple[tuple[str, LeftOutRule], ...]


def platform_set(
    platform: Platform, hashtags: Sequence[str], *, caption: str = "", display: Callable[[str], str] = str
) -> PlatformSet:
    """Return the set for one platform: as many of ``hashtags`` as it takes, best first.

    Args:
        platform: whose rules hold.
        hashtags: in normal form, best first, no duplicates.
        caption: the post's text; its length and its own hashtags use up what the platform allows.
        display: how a hashtag is shown, ``GoldenRetriever`` for ``goldenretriever``.
    """
    in_caption = set(extract(caption))
    room = len(hashtags) if platform.max_hashtags is None else platform.max_hashtags - len(in_caption)
    chosen: list[str] = []
    left_out: list[tuple[str, LeftOutRule]] = []
    text = ""
    for hashtag in hashtags:
        shown = display(hashtag)
        longer = f"{text}{platform.joiner}#{shown}" if text else f"#{shown}"
        rule = platform.rule_broken(shown)
        if rule is None and hashtag in in_caption:
            rule = "already_in_caption"
        if rule is None and len(chosen) >= room:
            rule = "max_hashtags"
        if rule is None and not _fits(platform, caption, longer):
            rule = "text_limit"
        if rule is None:
            chosen.append(hashtag)
            text = longer
        else:
            left_out.append((hashtag, rule))
    return PlatformSet(tuple(chosen), text, platform.count(text), tuple(left_out))


def load_platforms(override: Path | None = None) -> dict[str, Platform]:
    """Return the platforms by name, in the order of the files.

    Args:
        override: an operator's file in the layout of ``platforms.toml``: each fact it names replaces the built-in one.

    Raises:
        DataError: a file cannot be read or says something that is no rule; the message names file and place.
    """
    tables, families = read_rules(override)
    return {name: _platform(name, table, families) for name, table in tables.items()}


def _fits(platform: Platform, caption: str, hashtags: str) -> bool:
    if not platform.inline:
        return True
    whole = caption.rstrip() + _GAP + hashtags if caption.strip() else hashtags
    if platform.text_limit is not None and platform.count(whole) > platform.text_limit:
        return False
    return platform.byte_limit is None or utf8_bytes(whole) <= platform.byte_limit


def _platform(name: str, table: Mapping[str, Any], families: Sequence[Mapping[str, Sequence[str]]]) -> Platform:
    facts = tuple(Fact(name=fact, **table[fact]) for fact in FACTS if fact in table)
    value = {fact.name: fact.value for fact in facts}
    return Platform(
        name=name,
        title=table["title"],
        max_hashtags=value.get("max_hashtags"),
        text_limit=value.get("text_limit"),
        byte_limit=value.get("byte_limit"),
        counting=table.get("counting", "utf16_units"),
        hashtag=HashtagRule(**value.get("hashtag", {"pattern": r"[\p{L}\p{M}\p{Nd}_]+"})),
        inline=table.get("inline", True),
        joiner=table.get("joiner", " "),
        notes=tuple(map(str, table.get("notes", ()))),
        facts=facts,
        foreign=compile_wildcards(
            [(one["patterns"], one.get("except", [])) for one in families if name not in one["home"]]
        ),
    )
