"""Times as they go out: RFC 3339, UTC."""

from __future__ import annotations

from datetime import UTC, datetime


def shown_time(ms: int) -> str:
    """Return milliseconds since 1970 as "2026-11-22T09:30:00.125Z"."""
    return datetime.fromtimestamp(ms / 1000.0, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
