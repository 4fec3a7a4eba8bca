"""``tagsmith clean``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tagsmith.options import ConfigOption
from tagsmith.terminal import stage_display, tell


def clean(
    corpus: Annotated[Path, typer.Argument(help="The corpus to read, as `tagsmith collect` writes it; never changed.")],
    out: Annotated[Path, typer.Option("--out", help="The folder for the clean corpus; replaced when it is one.")],
    config: ConfigOption = None,
) -> None:
    """Copy a corpus without spam, copies, broken pictures and other languages.

    Every dropped post is counted under the rule that dropped it, and samples are kept for review in `cleaning/` of the
    new corpus. Stopped or killed, the same command goes on where it was. docs/cleaning.md explains each rule.
    """
    from pipelines.cleaning.clean import clean as run_cleaning
    from pipelines.config.training import load_config

    with stage_display("clean") as progress:
        report = run_cleaning(corpus, out, load_config(config).clean, progress)
    if report.repeated:
        tell("nothing has changed since the last time; its report:")
    tell((report.folder / "report.txt").read_text(encoding="utf-8").removesuffix("\n"))
    tell(f"report: {report.folder / 'report.html'}")
