"""What each platform accepts, and the set of hashtags to put on a post there.

The rules are data with a source and a date (``platforms.toml``); an operator's file is laid over them. They judge
hashtags as they are shown, since platforms disagree about signs that the normal form leaves out.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal, get_args

import regex

from core.counting import COUNTERS, utf8_bytes
from core.errors import DataError
from core.text.hashtags import extract
from core.text.wildcards import compile_wildcards

BUILT_IN = Path(__file__).with_name("platforms.toml")
FactName = Literal["max_hashtags", "text_limit", "byte_limit", "hashtag"]
"""Rules that carry a source and a date; each is a field of ``Platform``, a whole number unless ``hashtag``."""

LeftOutRule = Literal[
    "max_hashtags",
    "text_limit",
    "hashtag_signs",
    "hashtag_length",
    "foreign_platform",
    "already_in_caption",
]

_PLAIN = {"title": str, "counting": str, "inline": bool, "joiner": str, "notes": list}
_ANY_HASHTAG = {"pattern": r"[\p{L}\p{M}\p{Nd}_]+"}

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
    counting: str
    hashtag: HashtagRule
    inline: bool
    joiner: str
    notes: tuple[str, ...]
    facts: tuple[Fact, ...]
    foreign: regex.Pattern[str]
    max_hashtags: int | None = None
    text_limit: int | None = None
    byte_limit: int | None = None

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
        DataError: a file cannot be read or says something that is not a rule; the message names the file and the entry.
    """
    tables, families = _read_rules(override)
    return {name: _platform(name, table, families) for name, table in tables.items()}


def _fits(platform: Platform, caption: str, hashtags: str) -> bool:
    if not platform.inline:
        return True
    whole = caption.rstrip() + _GAP + hashtags if caption.strip() else hashtags
    if platform.text_limit is not None and platform.count(whole) > platform.text_limit:
        return False
    return platform.byte_limit is None or utf8_bytes(whole) <= platform.byte_limit


def _platform(name: str, table: Mapping[str, Any], families: Sequence[Mapping[str, Sequence[str]]]) -> Platform:
    facts = tuple(Fact(name=fact, **table[fact]) for fact in get_args(FactName) if fact in table)
    values = {fact.name: fact.value for fact in facts}
    hashtag = HashtagRule(**values.pop("hashtag", _ANY_HASHTAG))
    return Platform(
        name=name,
        title=table["title"],
        counting=table.get("counting", "utf16_units"),
        hashtag=hashtag,
        inline=table.get("inline", True),
        joiner=table.get("joiner", " "),
        notes=tuple(map(str, table.get("notes", ()))),
        facts=facts,
        foreign=compile_wildcards(
            [(family["patterns"], family.get("except", [])) for family in families if name not in family["home"]]
        ),
        **values,
    )


def _read_rules(override: Path | None = None) -> tuple[dict[str, dict[str, Any]], list[dict[str, list[str]]]]:
    """Return (tables by platform, families of foreign hashtags); each fact has value, source, as_of and confirmed."""
    platforms, foreign = _read(BUILT_IN)
    if override is not None:
        own, more = _read(override)
        for name, table in own.items():
            platforms[name] = platforms.get(name, {"title": name}) | table
        foreign = foreign + more
    return platforms, foreign


def _read(path: Path) -> tuple[dict[str, dict[str, Any]], list[dict[str, list[str]]]]:
    try:
        with open(path, "rb") as file:
            rules = tomllib.load(file)
    except OSError as error:
        raise DataError(f"the platform rules in {path} cannot be read ({error.strerror}); name another file") from error
    except ValueError as error:
        raise DataError(f"the platform rules in {path} are not TOML: {error}") from error
    platforms, foreign = rules.get("platforms", {}), rules.get("foreign", [])
    unknown = sorted(set(rules) - {"platforms", "foreign"})
    if unknown or not isinstance(platforms, dict) or not isinstance(foreign, list):
        raise DataError(f"{path} may hold [platforms.<name>] and [[foreign]] and nothing else")
    for family in foreign:
        if not _is_family(family):
            raise DataError(f"{path}: each [[foreign]] has lists of words `home` and `patterns`, and maybe `except`")
    return {name: _table(table, f"{path}: [platforms.{name}]") for name, table in platforms.items()}, foreign


def _is_family(family: object) -> bool:
    return (
        isinstance(family, dict)
        and {"home", "patterns"} <= set(family) <= {"home", "patterns", "except"}
        and all(isinstance(part, list) and all(isinstance(word, str) for word in part) for part in family.values())
    )


def _table(table: object, where: str) -> dict[str, Any]:
    if not isinstance(table, dict):
        raise DataError(f"{where} must be a table")
    unknown = sorted(set(table) - set(_PLAIN) - set(get_args(FactName)))
    if unknown:
        raise DataError(f"{where} has {unknown[0]!r}; it may have {', '.join((*_PLAIN, *get_args(FactName)))}")
    for name, kind in _PLAIN.items():
        if name in table and not isinstance(table[name], kind):
            raise DataError(f"{where} has a {name} that is not a {kind.__name__}")
    if table.get("counting", "utf16_units") not in COUNTERS:
        raise DataError(f"{where} counts {table['counting']!r}; it may be one of {', '.join(COUNTERS)}")
    return {name: _fact(name, value, where) if name in get_args(FactName) else value for name, value in table.items()}


def _fact(name: str, fact: object, where: str) -> dict[str, Any]:
    where = f"{where} {name}"
    if not isinstance(fact, dict) or not {"value"} <= set(fact) <= {"value", "source", "as_of", "confirmed"}:
        raise DataError(f"{where} must be {{ value, source, as_of, confirmed }}")
    if name == "hashtag":
        _check_hashtag_rule(fact["value"], where)
    elif type(fact["value"]) is not int or fact["value"] < 0:
        raise DataError(f"{where} needs a whole number that is not negative")
    as_of = fact.get("as_of")
    if as_of is not None and type(as_of) is not date:
        raise DataError(f"{where} has an as_of that is not a day, as in 2026-11-01")
    return {
        "value": fact["value"],
        "source": str(fact.get("source", "set by the operator")),
        "as_of": None if as_of is None else as_of.isoformat(),
        "confirmed": bool(fact.get("confirmed", True)),
    }


def _check_hashtag_rule(rule: object, where: str) -> None:
    if not isinstance(rule, Mapping) or not {"pattern"} <= set(rule) <= {"pattern", "max_length", "unit", "max_bytes"}:
        raise DataError(f"{where} needs a value with pattern, and maybe max_length, unit and max_bytes")
    try:
        regex.compile(rule["pattern"])
    except (regex.error, TypeError) as error:
        raise DataError(f"{where} has a pattern that is not a regular expression: {error}") from error
    if rule.get("unit", "code_points") not in COUNTERS:
        raise DataError(f"{where} has the unit {rule['unit']!r}; it may be one of {', '.join(COUNTERS)}")
    if not all(type(rule.get(part, 1)) is int and rule.get(part, 1) > 0 for part in ("max_length", "max_bytes")):
        raise DataError(f"{where} needs lengths that are whole numbers above 0")
