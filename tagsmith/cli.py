"""The command line: each command parses its words and opens one door below.

A file a group of commands stands beside this one. Whatever is slow to import is imported inside a command, so that
``tagsmith --help`` answers at once and ``tagsmith serve`` never loads what only training needs.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from tagsmith.commands import bundle as bundles
from tagsmith.commands import clean as cleaning
from tagsmith.commands import collect as collecting
from tagsmith.commands import doctor, keys
from tagsmith.commands import evaluate as evaluating
from tagsmith.commands import grow as growing
from tagsmith.commands import outliers as finding_outliers
from tagsmith.commands import serve as serving
from tagsmith.commands import store as database
from tagsmith.commands import suggest as suggesting
from tagsmith.commands import train as training
from tagsmith.commands import trends as trending
from tagsmith.failures import FailuresInOneLine

app = typer.Typer(
    name="tagsmith",
    help="Ranked, explained hashtags for a photograph, its caption and a few seed hashtags.",
    cls=FailuresInOneLine,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if not wanted:
        return
    try:
        typer.echo(f"tagsmith {version('tagsmith')}")
    except PackageNotFoundError:
        typer.echo("tagsmith, not installed as a package")
    raise typer.Exit


@app.callback()
def main(
    debug: Annotated[bool, typer.Option("--debug", help="Show where in the code a failure came from.")] = False,
    show_version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and stop."),
    ] = False,
) -> None:
    """Ranked, explained hashtags for a photograph, its caption and a few seed hashtags."""


app.command("suggest")(suggesting.suggest)
app.command("serve")(serving.serve)
app.command("train")(training.train)
app.command("distill")(training.distill)
app.command("collect")(collecting.collect)
app.command("clean")(cleaning.clean)
app.command("forget")(collecting.forget)
app.command("outliers")(finding_outliers.outliers)
app.command("grow")(growing.grow)
app.command("evaluate")(evaluating.evaluate)
app.command("doctor")(doctor.doctor)
app.add_typer(bundles.app, name="bundle")
app.add_typer(trending.app, name="trends")
app.add_typer(keys.app, name="keys")
app.add_typer(database.app, name="store")
