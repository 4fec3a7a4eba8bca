"""Samples of what was dropped, for a person to look through: one HTML page and the same as JSON lines.

They hold captions and small copies of pictures, and lie beside the clean corpus alone; nothing of them is logged.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
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
from pipelines.report.page import Block, Entry, Heading, Paragraph, Picture, write_page

SAMPLES = "samples.jsonl"
PAGE = "samples.html"
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
            dropped = json.loads(line)
            samples.offer(dropped["rule"], dropped.pop("rank"), dropped)
    for _, dropped in samples.all():
        yield dropped


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
        row, picture = written.files[number]
        other = written.files[like][1] if like is not None and like in written.files else None
        record = written.texts[row]
        shown = {key: record[key] for key in ("id", "source", "caption", "hashtags")}
        copies = [_small_copy(path, config.pictures.max_bytes) for path in (picture, other)]
        yield {"rule": rule, **shown, "detail": "", "like": "", "pictures": [copy for copy in copies if copy]}


def write_review(folder: Path, samples: Iterable[Mapping[str, Any]], sentences: Mapping[str, str]) -> None:
    """Write ``samples.jsonl`` and ``samples.html`` into ``folder``; rules in the order of ``sentences``."""
    order = list(sentences)
    ordered = sorted(samples, key=lambda sample: order.index(sample["rule"]))
    lines = (post_line({key: sample[key] for key in sample if key != "pictures"}) for sample in ordered)
    write_atomic(folder / SAMPLES, b"".join(lines))
    write_page(folder / PAGE, "Dropped posts", _blocks(ordered, sentences))


def _blocks(samples: Sequence[Mapping[str, Any]], sentences: Mapping[str, str]) -> Iterator[Block]:
    yield Paragraph(_NOTE, "notice")
    if not samples:
        yield Paragraph("Nothing was dropped.")
    for rule, of_rule in groupby(samples, key=lambda sample: str(sample["rule"])):
        yield Heading(rule)
        yield Paragraph(sentences[rule])
        yield from map(_entry, of_rule)


def _entry(sample: Mapping[str, Any]) -> Entry:
    caption, tags = _cut(sample["caption"]), " ".join(f"#{tag}" for tag in sample["hashtags"][:_MOST_HASHTAGS])
    blocks: list[Block] = [Paragraph(f"{sample['id']} {sample['detail']}".rstrip(), "faint")]
    blocks += [Picture(copy, "the picture", kind="jpeg") for copy in sample.get("pictures", ())]
    blocks += [Paragraph(caption)] if caption else []
    blocks.append(Paragraph(tags, "tags"))
    if sample["like"]:
        blocks.append(Paragraph(f"like {_cut(sample['like'])}", "faint"))
    return Entry(tuple(blocks))


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_CHARACTERS else text[:_MOST_CHARACTERS] + " …"


def _small_copy(picture: Path | None, max_bytes: int) -> bytes:
    """Return a small JPEG of a picture, empty where there is nothing to show."""
    try:
        if picture is None or not picture.is_file() or picture.stat().st_size > max_bytes:
            return b""
        image = decode(picture.read_bytes(), keep_side=_SIDE)
    except (TagsmithError, OSError):
        return b""
    image.thumbnail((_SIDE, _SIDE))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=70)
    return buffer.getvalue()
