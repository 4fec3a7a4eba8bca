"""``tagsmith outliers``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from core.errors import InvalidOption
from tagsmith.options import BundleOption, WeightsOption, choose_bundle
from tagsmith.terminal import add_row, show, stage_display, tell

REPORTS = Path("var/outliers")


class Way(StrEnum):
    """How outliers are told."""

    confidence = "confidence"
    centroid = "centroid"
    kmeans = "kmeans"


def outliers(
    folder: Annotated[
        Path, typer.Argument(help="Labelled pictures (docs/data.md, topics/), or a corpus that was collected.")
    ],
    method: Annotated[
        Way,
        typer.Option(
            "--method",
            help="docs/outliers.md compares the three: how sure a held-out classifier is, "
            "distance from the topic's centroid, distance from its k-means centres.",
        ),
    ] = Way.confidence,
    bundle: BundleOption = None,
    backbone: Annotated[
        str | None,
        typer.Option("--backbone", help="Take the features of this backbone (or auto) in place of a bundle's."),
    ] = None,
    weights: WeightsOption = None,
    lexicon: Annotated[
        Path | None,
        typer.Option("--lexicon", help="Which hashtags lead to which topic, for a corpus; default: the corpus' own."),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", help="Where the contact sheet goes; features are kept beside.")
    ] = REPORTS,
    apply: Annotated[bool, typer.Option("--apply", help="Take the pictures out, in a way that can be undone.")] = False,
    undo: Annotated[
        bool, typer.Option("--undo", help="Let in again what was taken out last, and do nothing else.")
    ] = False,
) -> None:
    """Find pictures that do not show their topic, and show them on one page.

    Nothing is taken out without --apply. Then the pictures of a folder, or the posts of a corpus, are put on a list in
    it (outliers.json) that training leaves out; no file moves, and --undo takes the last ones off the list again.
    """
    from pipelines.outliers.find import look_for_outliers, take_back, take_out, write_report
    from pipelines.outliers.pictures import from_backbone, from_bundle, quarantine_folder
    from pipelines.workshop.stage import room_errors

    if undo:
        if apply:
            raise InvalidOption("--apply and --undo contradict each other; give one", field="undo")
        tell(f"{take_back(folder):,} let in again")
        return
    if weights is not None and backbone is None:
        raise InvalidOption("--weights belongs to --backbone; name one, or auto", field="weights")
    if out.resolve() == quarantine_folder(folder).resolve():
        raise InvalidOption(f"{out} is where the list of what was taken out lies; choose another --out", field="out")
    with stage_display("outliers") as progress, room_errors(out):
        cache = out / "features"
        if backbone is None:
            read = from_bundle(choose_bundle(bundle), cache)
        else:
            read = from_backbone(backbone, weights, cache, progress)
        found = look_for_outliers(folder, method.value, read, progress=progress, lexicon=lexicon)
        page = write_report(found, out, progress)
        listed = take_out(found) if apply and found.outliers else None
    table = Table("topic", "pictures", "would go" if listed is None else "went", box=None)
    for topic in found.gathered.topics:
        add_row(table, topic, f"{found.n_pictures[topic]:,}", f"{found.n_outliers.get(topic, 0):,}")
    show(table)
    for reason, n in found.gathered.left_out.items():
        tell(f"not looked at, {reason}: {n:,}")
    tell(f"contact sheet: {page}")
    if listed is not None:
        tell(f"{len(found.outliers):,} taken out, listed in {listed}; --undo lets them in again")
    elif found.outliers:
        tell("nothing was taken out; --apply does it")
