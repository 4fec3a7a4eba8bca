"""Small corpora with pictures for the tests of cleaning."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipelines.cleaning.clean import clean
from pipelines.cleaning.summary import CleanReport
from pipelines.config.clean import CleanConfig
from pipelines.config.training import load_config
from pipelines.workshop.progress import ProgressPort, SilentProgress, Task

CONFIG = load_config().clean

_TEXT = """
harbour morning light boats gulls rope salt wind stone bridge river garden apple bread table window winter snow
forest path lantern market music train station sunday coffee rain umbrella tower cloud meadow horse barn field
"""
WORDS = _TEXT.split()


def caption(number: int, n_words: int = 10) -> str:
    """Return words that few other captions have, the same for the same number."""
    draw = np.random.default_rng(number)
    return " ".join(str(word) for word in draw.choice(WORDS, n_words, replace=False))


def record(number: int, **changes: Any) -> dict[str, Any]:
    """Return post number ``number`` as it stands in a shard: one that no rule drops."""
    post = {
        "id": f"walks:{number}",
        "source": "walks",
        "caption": f"{caption(number)} #sea #walk{number}x",
        "hashtags": ["sea", f"walk{number}x"],
        "author": f"author{number}",
        "time": f"2024-05-{1 + number % 28:02d}T10:30:15+00:00",
    }
    return post | changes


def write_shard(
    corpus: Path, records: Iterable[Mapping[str, Any] | str | bytes], name: str = "walks-00001.jsonl"
) -> Path:
    """Write records, or lines as they are, as a shard."""
    path = corpus / "posts" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = []
    for one in records:
        text = json.dumps(one) if isinstance(one, Mapping) else one
        lines.append((text.encode() if isinstance(text, str) else text) + b"\n")
    path.write_bytes(b"".join(lines))
    return path


def photograph(number: int, size: tuple[int, int] = (240, 180)) -> Image.Image:
    """Return a picture that looks like no other number's."""
    coarse = np.random.default_rng(number).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def jpeg(image: Image.Image, quality: int = 85) -> bytes:
    """Return a picture as a JPEG file."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def write_picture(corpus: Path, name: str, content: bytes) -> str:
    """Write a picture file and return what a record calls it."""
    path = corpus / "pictures" / name[:2] / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return f"../pictures/{name[:2]}/{name}"


def run_clean(
    corpus: Path, out: Path, config: CleanConfig = CONFIG, progress: ProgressPort | None = None, **changes: Any
) -> CleanReport:
    """Clean a corpus with the default numbers, changed by name."""
    return clean(corpus, out, replace(config, **changes), progress or SilentProgress())


def read_records(out: Path) -> list[dict[str, Any]]:
    """Return every record of a clean corpus, shard by shard."""
    return [json.loads(line) for path in sorted((out / "posts").glob("*.jsonl")) for line in path.open("rb")]


def kept_ids(out: Path) -> list[str]:
    """Return the ids of the posts that stayed."""
    return [str(one["id"]) for one in read_records(out)]


def tree_of(folder: Path) -> dict[str, str]:
    """Return name -> SHA-256 of every file below a folder; of a link, what it points at."""
    return {
        path.relative_to(folder).as_posix(): str(path.readlink())
        if path.is_symlink()
        else hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


def some_records(n_records: int = 30) -> list[dict[str, Any]]:
    """Return posts of which four are dropped, each by another rule."""
    records = [record(n) for n in range(n_records)]
    records[5]["hashtags"] = ["followforfollow", "f4f", "l4l"]
    records[6] = record(6, caption=records[2]["caption"], hashtags=records[2]["hashtags"])
    records[7]["id"] = records[3]["id"]
    records[8]["caption"] = "Heute waren wir den ganzen Tag am Strand und haben Muscheln gesammelt"
    return records


class StopAt:
    """A progress that stops the run at one of its steps, as Ctrl-C does."""

    def __init__(self, label: str) -> None:
        self.label = label

    def task(self, label: str, total: float | None = None) -> Task:
        """Stop when the wanted piece of work begins."""
        if label == self.label:
            raise KeyboardInterrupt
        return SilentProgress().task(label, total)

    def note(self, message: str) -> None:
        """Drop the message."""
