"""Hashtags that somebody restricts, from a file of the operator's: nothing is claimed without a source and a day.

There is no built-in list: what platforms restrict changes by the week, and they publish no list.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from core.errors import DataError
from core.text.hashtags import normalise, why_not

MEMBERS = {"hashtag", "status", "source", "as_of"}
LAYOUT = "each [[flags]] has `hashtag`, `status`, `source` and `as_of`, as in as_of = 2026-11-01"


@dataclass(frozen=True, slots=True)
class Flag:
    """What somebody says of one hashtag.

    Attributes:
        hashtag: normal form.
        status: in a word: ``restricted``, ``banned``, ``sensitive``.
        source: where that was read.
        as_of: the day it was read.
    """

    hashtag: str
    status: str
    source: str
    as_of: date


def load_flags(path: Path | None) -> dict[str, Flag]:
    """Return the flags of a TOML file by hashtag; none without a file.

    Raises:
        DataError: the file cannot be read, or an entry is not a dated flag; the message names file and entry.
    """
    if path is None:
        return {}
    try:
        with open(path, "rb") as file:
            content = tomllib.load(file)
    except OSError as error:
        raise DataError(f"the flags in {path} cannot be read ({error.strerror}); name another file") from error
    except ValueError as error:
        raise DataError(f"the flags in {path} are not TOML: {error}") from error
    entries = content.get("flags", [])
    if set(content) - {"flags"} or not isinstance(entries, list):
        raise DataError(f"{path} may hold [[flags]] and nothing else; {LAYOUT}")
    found: dict[str, Flag] = {}
    for number, entry in enumerate(entries, 1):
        flag = _flag(entry, f"{path}, flag {number}")
        if flag.hashtag in found:
            raise DataError(f"{path}, flag {number}: {flag.hashtag!r} has a flag already; leave one of the two out")
        found[flag.hashtag] = flag
    return found


def _flag(entry: object, where: str) -> Flag:
    if not isinstance(entry, dict) or set(entry) != MEMBERS:
        raise DataError(f"{where}: {LAYOUT}")
    texts = [entry[name] for name in ("hashtag", "status", "source")]
    if not all(isinstance(text, str) and text.strip() for text in texts):
        raise DataError(f"{where}: `hashtag`, `status` and `source` must be text")
    if type(entry["as_of"]) is not date:
        raise DataError(f"{where}: `as_of` must be a day, as in as_of = 2026-11-01")
    hashtag = normalise(entry["hashtag"])
    if hashtag is None:
        raise DataError(f"{where}: no hashtag: {why_not(entry['hashtag'])}")
    return Flag(hashtag, entry["status"].strip(), entry["source"].strip(), entry["as_of"])
