"""How a person at a terminal sees stages go by: on standard error, so that results can be piped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    from pipelines.workshop.progress import ProgressPort
    from pipelines.workshop.stage import StageRecord


@contextmanager
def show_stage(stage: str) -> Iterator[ProgressPort]:
    """Print a stage's name, and yield what draws its bars while it runs."""
    from pipelines.workshop.progress import open_bars

    console = Console(stderr=True)
    console.print(f"[bold]{stage}[/bold]")
    with open_bars(console) as bars:
        yield bars


def tell_stage(record: StageRecord) -> None:
    """Print what became of a stage."""
    how = "unchanged, skipped" if record.outcome == "skipped" else f"done in {record.seconds:,.0f} s"
    Console(stderr=True).print(f"  {how}", highlight=False)
