"""Samples of what was dropped, for a person to look through: one HTML page and the same as JSON lines.

They hold captions and small copies of pictures, and lie beside the clean corpus alone; nothing of them is logged.
"""

from __future__ import annotations

import base64
import html
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from core.atomic import write_atomic
from core.errors import TagsmithError
from core.posts import post_line
from models.classifier.decode import decode
from pipelines.cleaning.comparing import AUTHOR_FLOOD, Verdicts
from pipelines.cleaning.pictures import PictureVerdicts
from pipelines.cleaning.samples import Samples
from pipelines.cleaning.writing import Written
from pipelines.config.clean import CleanConfig
from pipelines.report.report import STYLE

SAMPLES = "samples.jsonl"
PAGE = "samples.html"
# Whatever a caption holds, the page loads nothing and runs nothing.
_POLICY = (
    '<meta http-equiv="Content-Security-Policy" '
    "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">"
)
_MORE_STYLE = """
article { border-bottom: 1px solid #e4e7eb; padding: .4rem 0 } img { display: inline-block }
.tags { color: #3b7ea1 } .like { color: #7b8794 } p { margin: .2rem 0; white-space: pre-wrap }
"""
_NOTE = (
    "Samples of what each rule dropped. They hold people's words and pictures: "
    "delete this folder when the rules are settled."
)
_SIDE = 160
_MOST_CHARACTERS = 600
_MOST_HASHTAGS = 60


def read_dropped(path: Path, size: int) -> Iterator[dict[str, Any]]:
    """Yield the samples of rules about single posts: of what the first pass noted, ``size`` of each rule."""
    samples: Samples[dict[str, Any]] = Samples(size)
    with path.open("rb") as lines:
        for line in lines:
            one = json.loads(line)
            samples.offer(one["rule"], one.pop("rank"), one)
    for _, one in samples.all():
        yield one


def post_samples(posts: Verdicts, written: Written) -> Iterator[dict[str, Any]]:
    """Yield what a reviewer sees of posts that a comparison dropped."""
    for rule, (row, like) in posts.samples.all():
        record, other = written.texts[row], written.texts[like]
        shown = {key: record[key] for key in ("id", "source", "caption", "hashtags")}
        same = rule != AUTHOR_FLOOD
        yield {"rule": rule, **shown, "detail": "", "like": f"{other['id']}: {other['caption']}" if same else ""}


def picture_samples(seen: PictureVerdicts, written: Written, config: CleanConfig) -> Iterator[dict[str, Any]]:
    """Yield what a reviewer sees of dropped pictures: a small copy, and one of the picture that it repeats."""
    for rule, (number, like) in seen.samples.all():
        row, place = written.places[number]
        other = written.places[like][1] if like is not None and like in written.places else None
        record = written.texts[row]
        shown = {key: record[key] for key in ("id", "source", "caption", "hashtags")}
        copies = [_small_copy(one, config.pictures.max_bytes) for one in (place, other)]
        yield {"rule": rule, **shown, "detail": "", "like": "", "pictures": [copy for copy in copies if copy]}


def write_review(folder: Path, samples: Iterable[Mapping[str, Any]], sentences: Mapping[str, str]) -> None:
    """Write ``samples.jsonl`` and ``samples.html`` into ``folder``; rules in the order of ``sentences``."""
    order = list(sentences)
    ordered = sorted(samples, key=lambda one: order.index(one["rule"]))
    lines = (post_line({key: one[key] for key in one if key != "pictures"}) for one in ordered)
    write_atomic(folder / SAMPLES, b"".join(lines))
    body = []
    for rule in order:
        mine = [one for one in ordered if one["rule"] == rule]
        if mine:
            body.append(f"<h2>{html.escape(rule)}</h2><p>{html.escape(sentences[rule])}</p>")
            body.extend(_entry(one) for one in mine)
    page = (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Dropped posts</title>{_POLICY}'
        f"<style>{STYLE}{_MORE_STYLE}</style></head>\n<body><h1>Dropped posts</h1><p>{_NOTE}</p>\n"
        f"{''.join(body) or '<p>Nothing was dropped.</p>'}</body></html>\n"
    )
    write_atomic(folder / PAGE, page.encode("utf-8", "replace"))


def _entry(one: Mapping[str, Any]) -> str:
    caption, tags = _cut(one["caption"]), " ".join(f"#{tag}" for tag in one["hashtags"][:_MOST_HASHTAGS])
    parts = [f"<p><code>{html.escape(one['id'])}</code> {html.escape(one['detail'])}</p>"]
    parts.extend(f'<img alt="the picture" src="{copy}"> ' for copy in one.get("pictures", ()))
    parts.append(f"<p>{html.escape(caption)}</p>" if caption else "")
    parts.append(f'<p class="tags">{html.escape(tags)}</p>')
    if one["like"]:
        parts.append(f'<p class="like">like {html.escape(_cut(one["like"]))}</p>')
    return f"<article>{''.join(parts)}</article>\n"


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_CHARACTERS else text[:_MOST_CHARACTERS] + " …"


def _small_copy(place: Path | None, max_bytes: int) -> str:
    """Return a picture as a ``data:`` address, or "" where there is nothing to show."""
    try:
        if place is None or not place.is_file() or place.stat().st_size > max_bytes:
            return ""
        image = decode(place.read_bytes(), keep_side=_SIDE)
    except (TagsmithError, OSError):
        return ""
    image.thumbnail((_SIDE, _SIDE))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=70)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
