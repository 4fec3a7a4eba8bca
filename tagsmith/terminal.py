"""What a command tells on standard error, beside its result: how far it is, and why it failed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from core.errors import TagsmithError

if TYPE_CHECKING:
    from pipelines.workshop.progress import ProgressPort
    from pipelines.workshop.stage import StageRecord

UNUSABLE = 2
INTERRUPTED = 130
"""128 + SIGINT, as shells count."""
COLLECTING = ("collect", "forget", "clean")
"""Commands whose packages come with the extra ``scrape``; those of all others come with ``train``."""
OWN_PACKAGES = ("core", "embeddings", "models", "pipelines", "recommend", "scraper", "service", "tagsmith")
"""A module that is missing below one of these is a bug, not a package to install."""


class FailuresInOneLine(TyperGroup):
    """A group of commands whose foreseen failures are sentences, not tracebacks."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; end with 2 when it was given what it cannot use, with 130 when a person stopped it."""
        try:
            return super().invoke(ctx)
        except TagsmithError as error:
            if ctx.params.get("debug"):
                raise
            typer.echo(f"tagsmith: {error}", err=True)
            raise typer.Exit(UNUSABLE) from error
        except ModuleNotFoundError as error:
            package = (error.name or "").partition(".")[0]
            if ctx.params.get("debug") or package in ("", *OWN_PACKAGES):
                raise
            extra = "scrape" if ctx.invoked_subcommand in COLLECTING else "train"
            typer.echo(f"tagsmith: this needs {package}; install it with: pip install 'tagsmith[{extra}]'", err=True)
            raise typer.Exit(UNUSABLE) from error
        except KeyboardInterrupt as error:
            resumes = ctx.invoked_subcommand in ("train", "distill", "collect", "clean", "grow")
            rest = "; the same command goes on from here" if resumes else ""
            typer.echo(f"\ntagsmith: interrupted{rest}", err=True)
            raise typer.Exit(INTERRUPTED) from error


@contextmanager
def stage_display(stage: str) -> Iterator[ProgressPort]:
    """Print a stage's name, and yield what draws its bars while it runs."""
    from pipelines.workshop.progress import open_bars

    console = Console(stderr=True)
    console.print(f"[bold]{stage}[/bold]")
    with open_bars(console) as bars:
        yield bars


def print_outcome(record: StageRecord) -> None:
    """Print what became of a stage."""
    how = "unchanged, skipped" if record.outcome == "skipped" else f"done in {record.seconds:,.0f} s"
    Console(stderr=True).print(f"  {how}", highlight=False)
