"""A stage that learns nothing."""

from __future__ import annotations

from typing import Any

from pipelines.workshop.stage import StageContext

VERSION = 1


def run(context: StageContext[Any]) -> None:
    """Leave an empty result."""
