"""How a command fails: one line on standard error and an exit code."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from core.errors import TagsmithError

UNUSABLE = 2
INTERRUPTED = 130
"""128 + SIGINT, as shells count."""
COLLECTING = ("collect", "forget", "clean")
"""Commands that need the packages of the extra ``scrape``, others those of ``train``."""
ROOMS = ("core", "embeddings", "models", "pipelines", "recommend", "scraper", "service", "tagsmith")
"""A module that is missing from one of these is a bug, not a package to install."""


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
            if ctx.params.get("debug") or package in ("", *ROOMS):
                raise
            extra = "scrape" if ctx.invoked_subcommand in COLLECTING else "train"
            typer.echo(f"tagsmith: this needs {package}; install it with: pip install 'tagsmith[{extra}]'", err=True)
            raise typer.Exit(UNUSABLE) from error
        except KeyboardInterrupt as error:
            resumes = ctx.invoked_subcommand in ("train", "distill", "collect", "clean", "grow")
            rest = "; the same command goes on from here" if resumes else ""
            typer.echo(f"\ntagsmith: interrupted{rest}", err=True)
            raise typer.Exit(INTERRUPTED) from error
