"""Reading the files of platform rules: what they may say, and an operator's file laid over the built-in one."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, Literal, get_args

import regex

from core.counting import COUNTERS
from core.errors import DataError

BUILT_IN = Path(__file__).with_name("platforms.toml")
FactName = Literal["max_hashtags", "text_limit", "byte_limit", "hashtag"]
FACTS: tuple[FactName, ...] = get_args(FactName)
"""Rules that carry a source and a date."""

_PLAIN = {"title": str, "counting": str, "inline": bool, "joiner": str, "notes": list}


def read_rules(override: Path | None = None) -> tuple[dict[str, dict[str, Any]], list[dict[str, list[str]]]]:
    """Return (tables by platform, families of foreign hashtags); each fact has value, source, as_of and confirmed.

    Raises:
        DataError: a file cannot be read or says something that is no rule; the message names file and place.
    """
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
    for one in foreign:
        if not _is_family(one):
            raise DataError(f"{path}: each [[foreign]] has lists of words `home` and `patterns`, and maybe `except`")
    return {name: _table(table, f"{path}: [platforms.{name}]") for name, table in platforms.items()}, foreign


def _is_family(one: object) -> bool:
    return (
        isinstance(one, dict)
        and {"home", "patterns"} <= set(one) <= {"home", "patterns", "except"}
        and all(isinstance(part, list) and all(isinstance(word, str) for word in part) for part in one.values())
    )


def _table(table: object, where: str) -> dict[str, Any]:
    if not isinstance(table, dict):
        raise DataError(f"{where} must be a table")
    unknown = sorted(set(table) - set(_PLAIN) - set(FACTS))
    if unknown:
        raise DataError(f"{where} has {unknown[0]!r}; it may have {', '.join((*_PLAIN, *FACTS))}")
    for name, kind in _PLAIN.items():
        if name in table and not isinstance(table[name], kind):
            raise DataError(f"{where} has a {name} that is not a {kind.__name__}")
    if table.get("counting", "utf16_units") not in COUNTERS:
        raise DataError(f"{where} counts {table['counting']!r}; it may be one of {', '.join(COUNTERS)}")
    return {name: _fact(name, value, where) if name in FACTS else value for name, value in table.items()}


def _fact(name: str, fact: object, where: str) -> dict[str, Any]:
    place = f"{where} {name}"
    if not isinstance(fact, dict) or not {"value"} <= set(fact) <= {"value", "source", "as_of", "confirmed"}:
        raise DataError(f"{place} must be {{ value, source, as_of, confirmed }}")
    if name == "hashtag":
        _check_hashtag_rule(fact["value"], place)
    elif type(fact["value"]) is not int or fact["value"] < 0:
        raise DataError(f"{place} needs a whole number that is not negative")
    as_of = fact.get("as_of")
    if as_of is not None and type(as_of) is not date:
        raise DataError(f"{place} has an as_of that is not a day, as in 2026-11-01")
    return {
        "value": fact["value"],
        "source": str(fact.get("source", "set by the operator")),
        "as_of": None if as_of is None else as_of.isoformat(),
        "confirmed": bool(fact.get("confirmed", True)),
    }


def _check_hashtag_rule(rule: object, place: str) -> None:
    if not isinstance(rule, Mapping) or not {"pattern"} <= set(rule) <= {"pattern", "max_length", "unit", "max_bytes"}:
        raise DataError(f"{place} needs a value with pattern, and maybe max_length, unit and max_bytes")
    try:
        regex.compile(rule["pattern"])
    except (regex.error, TypeError) as error:
        raise DataError(f"{place} has a pattern that is no regular expression: {error}") from error
    if rule.get("unit", "code_points") not in COUNTERS:
        raise DataError(f"{place} has the unit {rule['unit']!r}; it may be one of {', '.join(COUNTERS)}")
    if not all(type(rule.get(part, 1)) is int and rule.get(part, 1) > 0 for part in ("max_length", "max_bytes")):
        raise DataError(f"{place} needs lengths that are whole numbers above 0")
