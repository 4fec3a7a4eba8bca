"""``tagsmith distill``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tagsmith.options import ConfigOption, DataOption, WeightsOption
from tagsmith.terminal import stage_display, tell

DISTILLED = Path("var/distilled")


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
    unlabelled = data / "flickr8k_1000"
    sources = [data / "topics", *([unlabelled] if unlabelled.is_dir() else [])]
    with stage_display("distill") as progress, room_errors(out):
        made = run_distillation(numbers.distill, sources, weights, out, minutes, progress, numbers.seed)
    student = numbers.distill.student
    tell(f"weights: {made}")
    tell(
        f'To train with them, give --config a file with: topics = {{ backbone = "{student}", weights_file = "{made}" }}'
    )
