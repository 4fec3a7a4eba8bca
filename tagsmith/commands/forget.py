"""``tagsmith forget``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tagsmith.options import CORPUS, STORE, CorpusOption, InstallationOption, installation_folder
from tagsmith.terminal import tell


def forget(
    corpus: CorpusOption = CORPUS,
    author: Annotated[
        list[str] | None, typer.Option("--author", help="An account's name; every source is searched.")
    ] = None,
    post: Annotated[
        list[str] | None, typer.Option("--post", help="A post's id as it stands in the corpus (source:id).")
    ] = None,
    bundles: Annotated[
        Path, typer.Option("--bundles", help="The bundle store to look through for bundles trained with the posts.")
    ] = STORE,
    installation: InstallationOption = None,
) -> None:
    """Remove a person's posts and pictures, never collect them again, and say which bundles were trained with them."""
    from pipelines.collecting.forget import forget as run_forgetting

    told = run_forgetting(corpus, tuple(author or ()), tuple(post or ()), bundles, installation_folder(installation))
    tell(told.as_text())
