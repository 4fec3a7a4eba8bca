"""``tagsmith train``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tagsmith.options import STORE, ConfigOption, DataOption, PublishOption, WeightsOption
from tagsmith.terminal import print_outcome, stage_display, tell


def train(
    data: DataOption,
    weights: WeightsOption = None,
    out: PublishOption = STORE,
    config: ConfigOption = None,
    topics: Annotated[
        Path | None, typer.Option("--topics", help="Labelled pictures, in place of `topics` in the data folder.")
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(
            "--until",
            help="The last stage to run: split, train-topics, train-embeddings, train-ranker, evaluate, count-trends "
            "or publish.",
        ),
    ] = None,
) -> None:
    """Train a bundle from posts and photographs, measure it, and publish it.

    Stages whose data and numbers are unchanged are skipped. Stopped or killed, the same command goes on where it was.
    """
    from pipelines.config.training import load_config
    from pipelines.training.run import TrainingPaths, run

    paths = TrainingPaths(data, weights, out, topics)
    page = run(paths, load_config(config), open_progress=stage_display, on_done=print_outcome, until=until)
    tell(f"report: {page}")
