"""``tagsmith grow``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from core.bundle.opening import resolve_bundle
from tagsmith.bundle_choice import STORE, starter_bundle
from tagsmith.commands.collect import CORPUS, CorpusOption, InstallationOption, installation_folder
from tagsmith.commands.train import ConfigOption, WeightsOption
from tagsmith.stage_display import show_stage, tell_stage


def grow(
    corpus: CorpusOption = CORPUS,
    collect: Annotated[
        Path | None,
        typer.Option("--collect", help="Collect first, all topics of this TOML file; see docs/collecting.md."),
    ] = None,
    weights: WeightsOption = None,
    out: Annotated[
        Path, typer.Option("--out", help="The store to publish the bundle in; work state lies beside.")
    ] = STORE,
    config: ConfigOption = None,
    eyes: Annotated[
        Path | None,
        typer.Option("--eyes", help="The bundle whose network looks for outliers. Default: the starter bundle."),
    ] = None,
    topics: Annotated[
        Path | None, typer.Option("--topics", help="Labelled pictures, in place of the corpus's own.")
    ] = None,
    installation: InstallationOption = None,
) -> None:
    """Make a bundle from a corpus: collect, clean, take out outliers, split, train, measure and publish.

    Stopped or killed, the same command goes on where it was; what is unchanged is skipped.
    """
    from pipelines.collecting.collect import Wish, crawl_display
    from pipelines.collecting.collect import collect as run_collection
    from pipelines.config.collect import load_collect_config
    from pipelines.config.training import load_config
    from pipelines.growing.grow import GrowPlaces
    from pipelines.growing.grow import grow as run_growing

    numbers, gathering = load_config(config), load_collect_config(collect)
    shared = installation_folder(installation)
    if collect is not None:
        with crawl_display(Console(stderr=True)) as show:
            page, figures = run_collection(corpus, Wish(), gathering, shared, on_progress=show)
        typer.echo(f"{figures.posts:,} posts, {figures.pictures:,} with a picture; {figures.ended}")
        typer.echo(f"report: {page}")
    places = GrowPlaces(corpus, weights, out, shared, resolve_bundle(eyes) if eyes else starter_bundle(), topics)
    report = run_growing(places, numbers, gathering.topics, open_progress=show_stage, on_done=tell_stage)
    typer.echo(f"report: {report}")
