"""``tagsmith train`` and ``tagsmith distill``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tagsmith.bundle_choice import STORE
from tagsmith.stage_display import show_stage, tell_stage

DISTILLED = Path("var/distilled")

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
            help="The last stage to run: split, train-topics, train-embeddings, train-ranker, evaluate, count-trends "
            "or publish.",
        ),
    ] = None,
) -> None:
    """Train a bundle from posts and photographs, measure it, and publish it.

    Stages whose data and numbers are unchanged are skipped. Stopped or killed, the same command goes on where it was.
    """
    from pipelines.config.training import load_config
    from pipelines.training.run import Places, run

    places = Places(data, weights, out, topics)
    page = run(places, load_config(config), open_progress=show_stage, on_done=tell_stage, until=until)
    typer.echo(f"report: {page}")


def distill(
    data: DataOption,
    weights: WeightsOption = None,
    out: Annotated[Path, typer.Option("--out", help="Where the weights and checkpoints go.")] = DISTILLED,
    minutes: Annotated[
        float, typer.Option("--minutes", min=0.0, help="Time for training, all runs with this --out together.")
    ] = 30.0,
    config: ConfigOption = None,
) -> None:
    """Teach a backbone that has no weights to see as one does that has them.

    Learns from the train pictures of `topics` and from `flickr8k_1000` in the data folder, without labels; on a GPU
    where there is one. Stopped or killed, the same command goes on where it was; with more minutes, where it ended.
    """
    from pipelines.config.training import load_config
    from pipelines.training.distill import distill as run_distillation
    from pipelines.workshop.stage import room_errors

    numbers = load_config(config)
    sources = [data / "topics", *(place for place in (data / "flickr8k_1000",) if place.is_dir())]
    with show_stage("distill") as progress, room_errors(out):
        made = run_distillation(numbers.distill, sources, weights, out, minutes, progress, numbers.seed)
    student = numbers.distill.student
    typer.echo(f"weights: {made}")
    typer.echo(
        f'To train with them, give --config a file with: topics = {{ backbone = "{student}", weights_file = "{made}" }}'
    )
