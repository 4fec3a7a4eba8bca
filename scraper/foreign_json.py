"""Parts of JSON that somebody else wrote: of the type that was expected, or empty.

Platforms change without notice; a part that has become something else counts as absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any


def as_object(value: Any) -> Mapping[str, Any]:
    """Return an object, empty for anything else."""
    return value if isinstance(value, Mapping) else {}


def as_list(value: Any) -> list[Any]:
    """Return a list, empty for anything else."""
    return value if isinstance(value, list) else []


def as_text(value: Any) -> str:
    """Return a string, empty for anything else."""
    return value if isinstance(value, str) else ""


def time_of_text(value: Any) -> str | None:
    """Return an ISO 8601 time with its offset, UTC where it names none; None for anything else."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    return (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()


def time_of_seconds(value: Any) -> str | None:
    """Return seconds since 1970 as an ISO 8601 time in UTC; None for anything else."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        return datetime.fromtimestamp(value, UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return None
