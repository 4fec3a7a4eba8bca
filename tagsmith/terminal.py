"""What commands print: results, how far they are, and why they failed.

Whatever is printed may come from a file or a site, so commands print through the functions here, which show control
characters and Rich's markup as they are written instead of obeying them. A test holds that they use no others.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text
from typer.core import TyperGroup

from core.errors import TagsmithError, lacking
from core.text.visible import visible, visible_json, visible_lines

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


def tell(text: object, *, err: bool = False) -> None:
    """Print lines of text: a command's result, or on standard error what is beside it."""
    typer.echo(visible_lines(text), err=err)


def tell_json(value: object, *, indent: int | None = None) -> None:
    """Print a value as JSON, on one line or indented."""
    tell_json_text(json.dumps(value, indent=indent, ensure_ascii=False))


def tell_json_text(text: str) -> None:
    """Print what is JSON already."""
    typer.echo(visible_json(text))


def cell(text: object, style: str = "") -> Text:
    """Return text for a cell of a table: one line, no markup."""
    return Text(visible(text), style=style)


def add_row(table: Table, *cells: object) -> None:
    """Add a row; texts that ``cell`` made keep their style, and anything else is made one."""
    table.add_row(*(value if isinstance(value, Text) else cell(value) for value in cells))


def show(content: Table | Text | str, console: Console | None = None, *, style: str = "") -> None:
    """Print a table whose cells are made by ``add_row``, or lines of text, on standard output or ``console``."""
    shown = Text(visible_lines(content), style=style) if isinstance(content, str) else content
    (console or Console()).print(shown, soft_wrap=isinstance(content, str))


class FailuresInOneLine(TyperGroup):
    """A group of commands whose foreseen failures are sentences, not tracebacks."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; end with 2 when it was given what it cannot use, with 130 when a person stopped it."""
        try:
            return super().invoke(ctx)
        except TagsmithError as error:
            if ctx.params.get("debug"):
                raise
            tell(f"tagsmith: {error}", err=True)
            raise typer.Exit(UNUSABLE) from error
        except ModuleNotFoundError as error:
            package = (error.name or "").partition(".")[0]
            if ctx.params.get("debug") or package in ("", *OWN_PACKAGES):
                raise
            extra = "scrape" if ctx.invoked_subcommand in COLLECTING else "train"
            tell(f"tagsmith: {lacking('this', package, extra)}", err=True)
            raise typer.Exit(UNUSABLE) from error
        except KeyboardInterrupt as error:
            resumes = ctx.invoked_subcommand in ("train", "distill", "collect", "clean", "grow")
            rest = "; the same command goes on from here" if resumes else ""
            tell(f"\ntagsmith: interrupted{rest}", err=True)
            raise typer.Exit(INTERRUPTED) from error


@contextmanager
def stage_display(stage: str) -> Iterator[ProgressPort]:
    """Print a stage's name, and yield what draws its bars while it runs."""
    from pipelines.workshop.progress import open_bars

    console = Console(stderr=True)
    console.print(Text(visible(stage), style="bold"))
    with open_bars(console) as bars:
        yield bars


def print_outcome(record: StageRecord) -> None:
    """Print what became of a stage."""
    how = "unchanged, skipped" if record.outcome == "skipped" else f"done in {record.seconds:,.0f} s"
    Console(stderr=True).print(f"  {how}", highlight=False)
