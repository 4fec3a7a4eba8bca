"""``tagsmith grow``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from core.bundle.opening import resolve_bundle
from tagsmith.commands.collect import run_crawl
from tagsmith.options import (
    CORPUS,
    STORE,
    ConfigOption,
    CorpusOption,
    InstallationOption,
    PublishOption,
    WeightsOption,
    installation_folder,
    starter_bundle,
)
from tagsmith.terminal import print_outcome, stage_display, tell


def grow(
    corpus: CorpusOption = CORPUS,
    collect: Annotated[
        Path | None,
        typer.Option("--collect", help="Collect first, all topics of this TOML file; see docs/collecting.md."),
    ] = None,
    weights: WeightsOption = None,
    out: PublishOption = STORE,
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
    from pipelines.collecting.collect import Wish
    from pipelines.config.collect import load_collect_config
    from pipelines.config.training import load_config
    from pipelines.growing.grow import GrowPaths
    from pipelines.growing.grow import grow as run_growing

    numbers, gathering = load_config(config), load_collect_config(collect)
    shared = installation_folder(installation)
    if collect is not None:
        tell(f"report: {run_crawl(corpus, Wish(), gathering, shared).page}")
    paths = GrowPaths(corpus, weights, out, shared, resolve_bundle(eyes) if eyes else starter_bundle(), topics)
    report = run_growing(paths, numbers, gathering.topics, open_progress=stage_display, on_done=print_outcome)
    tell(f"report: {report}")
