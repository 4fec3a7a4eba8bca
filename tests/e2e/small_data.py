"""A small data folder cut out of a large one, so that a whole training run takes minutes."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path
from zlib import crc32

# Two epochs of everything; nothing is judged by the figures that come of it.
CONFIG = """
[topics]
held_out_groups = 2
noise_pictures = 20
[topics.head]
views = 1
iterations = 10
[embeddings.word2vec]
dimensions = 24
epochs = 2
[embeddings.context]
dimensions = 24
epochs = 2
[embeddings.topic]
epochs = 1
[ranker]
draws = 1
rounds = 20
confidence_questions = 100
[evaluate]
resamples = 50
picture_pairs = 20
nonsense = 20
"""


def cut_posts(source: Path, target: Path, one_in: int) -> None:
    """Copy every post file with about one line in ``one_in``, the same ones each time."""
    target.mkdir(parents=True)
    for path in sorted(source.glob("*.jsonl.gz")):
        with gzip.open(path, "rb") as lines, gzip.open(target / path.name, "wb", compresslevel=1) as kept:
            # The first one always: a file without a post is refused.
            kept.writelines(line for n, line in enumerate(lines) if n == 0 or crc32(line) % one_in == 0)


def cut_pictures(source: Path, target: Path, n: int) -> None:
    """Copy at most ``n`` pictures of each topic and split, with the labels."""
    for folder in sorted(path for path in source.glob("*/*") if path.is_dir()):
        place = target / folder.relative_to(source)
        place.mkdir(parents=True)
        pictures = sorted(path for path in folder.iterdir() if path.is_file())
        for picture in pictures[:: max(1, len(pictures) // n)][:n]:
            shutil.copy(picture, place)
    head, *rows = (source / "labels.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [row for row in rows if (target / row.split(",")[0]).is_file()]
    (target / "labels.csv").write_text("".join([head, *kept]), encoding="utf-8")
