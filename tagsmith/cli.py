"""The command line: each command reads its options and calls one function of the packages below.

Each command has a file of its name in ``commands``. Whatever is slow to import is imported inside a command, so that
``tagsmith --help`` answers at once and ``tagsmith serve`` never loads what only training needs.
"""

from __future__ import annotations

from typing import Annotated

import typer

from core.version import installed_version
from tagsmith.commands import (
    bundle,
    clean,
    collect,
    distill,
    doctor,
    evaluate,
    forget,
    grow,
    keys,
    outliers,
    serve,
    store,
    suggest,
    train,
    trends,
)
from tagsmith.terminal import FailuresInOneLine

app = typer.Typer(
    name="tagsmith",
    help="Ranked, explained hashtags for a photograph, its caption and a few seed hashtags.",
    cls=FailuresInOneLine,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if not wanted:
        return
    typer.echo(f"tagsmith {installed_version()}")
    raise typer.Exit


@app.callback()
def main(
    debug: Annotated[bool, typer.Option("--debug", help="Show where in the code a failure came from.")] = False,
    show_version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop."),
    ] = False,
) -> None:
    """Ranked, explained hashtags for a photograph, its caption and a few seed hashtags."""


app.command("suggest")(suggest.suggest)
app.command("serve")(serve.serve)
app.command("train")(train.train)
app.command("distill")(distill.distill)
app.command("collect")(collect.collect)
app.command("clean")(clean.clean)
app.command("forget")(forget.forget)
app.command("outliers")(outliers.outliers)
app.command("grow")(grow.grow)
app.command("evaluate")(evaluate.evaluate)
app.command("doctor")(doctor.doctor)
app.add_typer(bundle.app, name="bundle")
app.add_typer(trends.app, name="trends")
app.add_typer(keys.app, name="keys")
app.add_typer(store.app, name="store")
