"""Which bundle a command works with when none is named."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from core.bundle.opening import resolve_bundle
from core.errors import BundleMissing

STORE = Path("var/bundles")
"""Where ``tagsmith train`` publishes unless told otherwise, relative to where it is run."""

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

_HERE = Path(__file__).resolve().parent
# In an installed package beside this file; in a source checkout beside the rooms.
_STARTER = (_HERE / "starter", _HERE.parent / "bundles" / "starter")


def choose_bundle(named: Path | None) -> Path:
    """Return the folder of the bundle to use.

    The first of: the one named on the command line (a bundle, or a store with a current one); ``TAGSMITH_BUNDLE``; the
    current bundle of ``var/bundles`` below the working folder; the starter bundle that comes with the program.

    Raises:
        BundleMissing: what was named is no bundle, or there is none at all.
        InvalidOption: a setting in the environment is out of range.
    """
    if named is None:
        from service.settings import load_settings

        named = load_settings().bundle
    if named is not None:
        return resolve_bundle(named)
    if (STORE / "CURRENT").is_file():
        return resolve_bundle(STORE)
    return starter_bundle()


def choose_place(named: Path | None) -> tuple[Path, Path | None]:
    """Return what a service follows, chosen as by ``choose_bundle``, and what it serves while there is nothing.

    A store stays a store here: what is current in it may change while the service runs. Where nothing is named that is
    ``var/bundles``, with the starter bundle until a bundle is current there.

    Raises:
        BundleMissing: what was named is no bundle, or there is none at all.
        InvalidOption: a setting in the environment is out of range.
    """
    if named is None:
        from service.settings import load_settings

        named = load_settings().bundle
    if named is not None:
        resolve_bundle(named)
        return named, None
    if (STORE / "CURRENT").is_file():
        resolve_bundle(STORE)
        return STORE, None
    return STORE, starter_bundle()


def starter_bundle() -> Path:
    """Return the folder of the bundle that comes with the program.

    Raises:
        BundleMissing: this installation has none.
    """
    for place in _STARTER:
        if (place / "manifest.json").is_file():
            return place
    raise BundleMissing("there is no bundle; train one with `tagsmith train`, or name one with --bundle")
