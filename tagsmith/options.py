"""The options that several commands have, and what they stand for when they are not given."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from core.bundle.opening import resolve_bundle
from core.errors import BundleMissing

STORE = Path("var/bundles")
"""Where ``tagsmith train`` publishes unless told otherwise, relative to where it is run."""
CORPUS = Path("var/corpus")
"""Where ``tagsmith collect`` collects unless told otherwise."""

BundleOption = Annotated[
    Path | None,
    typer.Option(
        "--bundle",
        help="A bundle, or a store with a current one. Default: TAGSMITH_BUNDLE, else var/bundles, else the starter "
        "bundle.",
    ),
]
RuntimeOption = Annotated[
    str | None,
    typer.Option("--runtime", help="What runs the picture network: onnx, openvino, torch or auto."),
]
ThreadsOption = Annotated[
    int | None, typer.Option("--threads", help="Threads of the picture network. Default: one a core.")
]
DataOption = Annotated[Path, typer.Option("--data", help="The data folder; docs/data.md says what belongs there.")]
WeightsOption = Annotated[
    Path | None, typer.Option("--weights", help="Folder of pretrained weights and vectors; docs/data.md lists them.")
]
ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="A TOML file laid over the default numbers: name what differs.")
]
PublishOption = Annotated[
    Path, typer.Option("--out", help="The store to publish the bundle in; work state lies beside.")
]
CorpusOption = Annotated[Path, typer.Option("--corpus", help="The corpus that posts were collected into.")]
InstallationOption = Annotated[
    Path | None,
    typer.Option(
        "--installation",
        help="Folder with the salt of author hashes and the hosts that are being crawled. Default: .tagsmith in your "
        "home folder.",
    ),
]

# In an installed package beside this file; in a source checkout beside the top-level packages.
_HERE = Path(__file__).resolve().parent
_STARTERS = (_HERE / "starter", _HERE.parent / "bundles" / "starter")


def choose_bundle(named: Path | None) -> Path:
    """Return the folder of the bundle to use.

    The first of: the one named on the command line (a bundle, or a store with a current one); ``TAGSMITH_BUNDLE``; the
    current bundle of ``var/bundles`` below the working folder; the starter bundle that comes with the program.

    Raises:
        BundleMissing: what was named is no bundle, or there is none at all.
        InvalidOption: a setting in the environment is out of range.
    """
    followed, meanwhile = choose_followed(named)
    return meanwhile or resolve_bundle(followed)


def choose_followed(named: Path | None) -> tuple[Path, Path | None]:
    """Return the bundle or store that a service follows, and the bundle that it serves while that store is empty.

    It is chosen as by :func:`choose_bundle`, but a store stays a store: what is current in it may change while the
    service runs. Where nothing is named that is ``var/bundles``, with the starter bundle until one is current there.

    Raises:
        BundleMissing: what was named is no bundle, or there is none at all.
        InvalidOption: a setting in the environment is out of range.
    """
    if named is None:
        from service.settings import load_settings

        named = load_settings().bundle
    if named is None and not (STORE / "CURRENT").is_file():
        return STORE, starter_bundle()
    followed = named or STORE
    resolve_bundle(followed)
    return followed, None


def starter_bundle() -> Path:
    """Return the folder of the bundle that comes with the program.

    Raises:
        BundleMissing: this installation has none.
    """
    for folder in _STARTERS:
        if (folder / "manifest.json").is_file():
            return folder
    raise BundleMissing("there is no bundle; train one with `tagsmith train`, or name one with --bundle")


def installation_folder(named: Path | None) -> Path:
    """Return the folder that all crawls of this installation share."""
    return named or Path.home() / ".tagsmith"
