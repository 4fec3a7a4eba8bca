"""Small data folders for the tests of this room."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def record(number: int, **changes: Any) -> dict[str, Any]:
    """Return post number ``number`` as it stands in a file."""
    post = {
        "id": f"post-{number}",
        "source": "walks",
        "author": None,
        "time": None,
        "caption": f"walk number {number} along the shore",
        "hashtags": ["sea", f"walk{number}x"],
        "split": None,
    }
    return post | changes


def write_lines(path: Path, records: Iterable[dict[str, Any] | str]) -> Path:
    """Write records, or lines as they are, as JSON lines; gzipped where the name says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [one if isinstance(one, str) else json.dumps(one) for one in records]
    content = "".join(line + "\n" for line in lines).encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path
