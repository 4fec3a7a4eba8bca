"""A collected corpus in, a clean one out: the same layout, without what would teach nonsense."""

from __future__ import annotations

from pathlib import Path

from pipelines.cleaning.config import CleanConfig
from pipelines.cleaning.outcome import CleanReport
from pipelines.progress import ProgressPort
from pipelines.stage import StageContext

VERSION = 1


def clean(corpus: Path, out: Path, config: CleanConfig, progress: ProgressPort) -> CleanReport:
    """Write the clean copy of ``corpus`` to ``out`` and return what became of every post.

    ``out`` appears when everything is done, and replaces what an earlier cleaning left there. Stopped or killed, the
    same call goes on where it was; when nothing has changed since, it returns the report that is there.

    Raises:
        DataError: the corpus is missing, holds no post, or a shard is damaged; the message names it.
        InvalidOption: ``out`` holds something else than an earlier cleaning, or lies in the corpus.
        StorageError: the disk is full, ``out`` cannot be written, or another cleaning is at work there.
    """
    raise NotImplementedError


def run(context: StageContext[CleanConfig]) -> None:
    """Clean ``context.inputs["corpus"]`` into ``context.out`` as a stage of a run; raises as :func:`clean` does."""
    raise NotImplementedError
