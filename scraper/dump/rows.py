"""One row of a table to a post, through a mapping of columns."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any

from core.errors import InvalidOption
from scraper.port import FoundPost

FIELDS = tuple(field.name for field in fields(FoundPost))
DATA_COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "post_id": "id",
        "caption": "caption",
        "author": "author",
        "time": "time",
        "hashtags": "hashtags",
        "pictures": "image",
        "licence": "licence",
        "attribution": "attribution",
    }
)
"""The columns of docs/data.md, which hold when none are named."""

_SEPARATORS = re.compile(r"[\s,;|#＃]+")


def demand_columns(columns: Mapping[str, str]) -> Mapping[str, str]:
    """Return the mapping to use: the operator's, or that of docs/data.md when it is empty.

    Raises:
        InvalidOption: a post has no such field, or there is nothing to learn from.
    """
    if not columns:
        return DATA_COLUMNS
    for name in columns:
        if name not in FIELDS:
            raise InvalidOption(f"a post has no field {name!r}; its fields are {', '.join(FIELDS)}", field="columns")
    if not columns.keys() & {"caption", "hashtags"}:
        raise InvalidOption("name the column of the caption or of the hashtags: caption=text", field="columns")
    return columns


def row_post(row: Mapping[str, Any], columns: Mapping[str, str], name: str) -> FoundPost:
    """Return the post of one row; ``name`` of the table tells rows without an id apart from those of others.

    Raises:
        ValueError: a named column is missing, or a value is of a kind that its field cannot have.
    """
    demanded = columns if columns is not DATA_COLUMNS else {}
    missing = sorted(column for column in demanded.values() if column not in row)
    if missing:
        raise ValueError(f"no column {missing[0]!r}; there are {', '.join(map(repr, list(row)[:20]))}")
    values = {field: row.get(column) for field, column in columns.items()}
    caption = _text(values.get("caption"), "caption") or ""
    hashtags = _hashtags(values.get("hashtags"))
    if not caption and not hashtags:
        raise ValueError(f"neither caption nor hashtags; there are {', '.join(map(repr, list(row)[:20]))}")
    return FoundPost(
        post_id=_text(values.get("post_id"), "post_id") or _digest(name, row),
        caption=caption,
        author=_text(values.get("author"), "author"),
        time=_time(values.get("time")),
        hashtags=hashtags,
        pictures=tuple(str(PurePosixPath(name).parent / picture) for picture in _pictures(values.get("pictures"))),
        licence=_text(values.get("licence"), "licence"),
        attribution=_text(values.get("attribution"), "attribution"),
    )


def _text(value: Any, field: str) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise ValueError(f"{field} is no text")


def _hashtags(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, str):
        return tuple(part for part in _SEPARATORS.split(value) if part)
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return tuple(value)
    raise ValueError("hashtags are neither a text nor a list of texts")


def _pictures(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split("|") if part.strip())
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return tuple(value)
    raise ValueError("pictures are neither a text nor a list of texts")


def _time(value: Any) -> str | None:
    if value is None or value == "":
        return None
    try:
        if isinstance(value, str) and not value.isdigit():
            moment = datetime.fromisoformat(value)
        else:
            moment = datetime.fromtimestamp(float(value), UTC)
    except (ValueError, TypeError, OverflowError, OSError) as error:
        raise ValueError("time is neither ISO 8601 nor seconds since 1970") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()


def _digest(name: str, row: Mapping[str, Any]) -> str:
    text = json.dumps([name, row], ensure_ascii=True, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
