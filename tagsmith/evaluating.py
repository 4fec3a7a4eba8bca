"""``tagsmith evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tagsmith.bundle_choice import BundleOption, choose_bundle
from tagsmith.stage_display import show_stage, tell_stage
from tagsmith.training import ConfigOption, DataOption, WeightsOption

PLACE = Path("var/evaluation")


def evaluate(
    data: DataOption,
    bundle: BundleOption = None,
    weights: WeightsOption = None,
    out: Annotated[Path, typer.Option("--out", help="Where the report goes; work state lies beside.")] = PLACE,
    config: ConfigOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print every figure as JSON.")] = False,
) -> None:
    """Measure a bundle on the test posts and pictures of a data folder.

    The bundle may come from anywhere; figures on data that it was trained on flatter it.
    """
    import json

    from rich.console import Console
    from rich.markdown import Markdown

    from pipelines.config import load_config
    from pipelines.figures import Table, figures, markdown_table, title_of
    from pipelines.run import Places, measure

    chosen = choose_bundle(bundle)
    places = Places(data, weights, out)
    page, measured = measure(places, chosen, load_config(config), open_progress=show_stage, on_done=tell_stage)
    if as_json:
        typer.echo(json.dumps(measured, indent=2, ensure_ascii=False))
        return
    console = Console()
    for table in figures(measured):
        if isinstance(table, Table):
            console.print(Markdown(f"**{title_of(table.path)}**\n\n{markdown_table(table)}"))
    typer.echo(f"report: {page}")
