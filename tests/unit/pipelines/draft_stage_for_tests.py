"""A stage that makes a draft of one file."""

from __future__ import annotations

from typing import Any

from core.bundle.draft import DraftBundle
from core.bundle.manifest import Provenance
from pipelines.workshop.stage import StageContext

VERSION = 1


def run(context: StageContext[Any]) -> None:
    """Write the draft, as the ranker's stage does."""
    with DraftBundle(context.out, "draft") as draft:
        draft.path("words.txt").write_text("sea")
        draft.seal(Provenance(created="2026-11-22T00:00:00+00:00", topics=("food",)))
        draft.publish()
