"""A recording with posts, pictures and a few troubles, to collect from without a network."""

from __future__ import annotations

import json
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

PAGE_SIZE = 10


def write_recording(folder: Path, hashtags: Sequence[str], *, n_posts: int = 30) -> set[str]:
    """Write ``n_posts`` posts for each hashtag, with a picture each, and return the ids as they stand in a corpus."""
    (folder / "pages").mkdir(parents=True)
    (folder / "pictures").mkdir()
    ids = set()
    for at, tag in enumerate(hashtags):
        for begin in range(0, n_posts, PAGE_SIZE):
            numbers = range(begin, min(begin + PAGE_SIZE, n_posts))
            for number in numbers:
                _write_picture(folder / "pictures" / f"{tag}-{number}.jpg", at, number)
                ids.add(f"replay:{tag}-{number}")
            target: dict[str, Any] = {"kind": "tag", "value": tag, "cursor": str(begin) if begin else None}
            onward = [{"kind": "tag", "value": tag, "cursor": str(begin + PAGE_SIZE)}]
            page = {
                "posts": [_post(tag, number) for number in numbers],
                "targets": onward if begin + PAGE_SIZE < n_posts else [],
            }
            text = json.dumps({"target": target, "page": page})
            (folder / "pages" / f"{tag}-{begin}.json").write_text(text, encoding="utf-8")
    return ids


def _post(tag: str, number: int) -> dict[str, Any]:
    return {
        "post_id": f"{tag}-{number}",
        "caption": f"With @anna.b again, number {number} #{tag} #photo",
        "author": f"{tag}.owner{number % 6}",
        "time": f"2025-0{1 + number % 9}-1{number % 10}T10:00:00+00:00",
        "pictures": [f"pictures/{tag}-{number}.jpg"],
    }


def _write_picture(path: Path, at: int, number: int) -> None:
    out = BytesIO()
    Image.new("RGB", (40, 30), (at * 40 % 256, number * 8 % 256, 120)).save(out, "JPEG")
    path.write_bytes(out.getvalue())
