"""``tagsmith train`` and ``tagsmith distill``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tagsmith.bundle_choice import STORE
from tagsmith.stage_display import show_stage, tell_stage

DataOption = Annotated[Path, typer.Option("--data", help="The data folder; docs/data.md says what belongs there.")]
WeightsOption = Annotated[
    Path | None, typer.Option("--weights", help="Folder of pretrained weights and vectors; docs/data.md lists them.")
]
ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="A TOML file laid over the default numbers: name what differs.")
]


def train(
    data: DataOption,
    weights: WeightsOption = None,
    out: Annotated[
        Path, typer.Option("--out", help="The store to publish the bundle in; work state lies beside.")
    ] = STORE,
    config: ConfigOption = None,
    topics: Annotated[
        Path | None, typer.Option("--topics", help="Labelled pictures, in place of `topics` in the data folder.")
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(
            "--until",
            help="The last stage to run: split, train-topics, train-embeddings, train-ranker, evaluate or publish.",
        ),
    ] = None,
) -> None:
    """Train a bundle from posts and photographs, measure it, and publish it.

    Stages whose data and numbers are unchanged are skipped. Stopped or killed, the same command goes on where it was.
    """
    from pipelines.config import load_config
    from pipelines.run import Places, run

    places = Places(data, weights, out, topics)
    page = run(places, load_config(config), open_progress=show_stage, on_done=tell_stage, until=until)
    typer.echo(f"report: {page}")


def distill() -> None:
    """Teach a backbone without weights of its own to see as another one does."""
    raise NotImplementedError
