"""``tagsmith evaluate``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from tagsmith.options import BundleOption, ConfigOption, DataOption, WeightsOption, choose_bundle
from tagsmith.terminal import add_row, cell, print_outcome, show, stage_display, tell, tell_json

EVALUATION = Path("var/evaluation")


def evaluate(
    data: DataOption,
    bundle: BundleOption = None,
    weights: WeightsOption = None,
    out: Annotated[Path, typer.Option("--out", help="Where the report goes; work state lies beside.")] = EVALUATION,
    config: ConfigOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print every figure as JSON.")] = False,
) -> None:
    """Measure a bundle on the test posts and pictures of a data folder.

    The bundle may come from anywhere; figures on data that it was trained on flatter it.
    """
    from pipelines.config.training import load_config
    from pipelines.training.run import TrainingPaths, measure

    chosen = choose_bundle(bundle)
    paths = TrainingPaths(data, weights, out)
    page, measured = measure(paths, chosen, load_config(config), open_progress=stage_display, on_done=print_outcome)
    if as_json:
        tell_json(measured, indent=2)
        return
    print_bars(measured, Console())
    tell(f"\nevery other figure, with plots: {page}")


def print_bars(measured: Mapping[str, Any], console: Console) -> None:
    """Print the figures that a bundle is held to."""
    from rich.table import Table

    from pipelines.report.tables import shown

    table = Table(box=None, pad_edge=False)
    for name in ("", "figure", "should be", "met"):
        table.add_column(name, overflow="fold")
    for name, row in measured.get("bars", {}).items():
        met = cell("yes", "green") if row["met"] else cell("no", "red")
        add_row(table, name, shown(row["figure"]), row["bar"], met)
    show(table, console)
