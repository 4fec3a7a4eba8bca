"""``tagsmith bundle``: look at bundles and choose between them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from core.bundle.manifest import parse_manifest
from core.bundle.opening import current, find_bundle, list_bundles, open_bundle, previous, rollback, use
from core.errors import BundleError, BundleMissing
from tagsmith.options import STORE, BundleOption, choose_bundle
from tagsmith.terminal import add_row, show, tell, tell_json

app = typer.Typer(help="Look at bundles and choose the one that is used.", no_args_is_help=True)

StoreOption = Annotated[Path, typer.Option("--store", help="The folder that bundles are published in.")]


@app.command("show")
def show_bundle(
    bundle: BundleOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole manifest.")] = False,
) -> None:
    """Print what a bundle was made of."""
    opened = open_bundle(choose_bundle(bundle), verify=False)
    manifest = opened.manifest
    if as_json:
        tell_json(asdict(manifest), indent=2)
        return
    n_bytes = sum(record.n_bytes for record in manifest.files.values())
    facts = Table.grid(padding=(0, 2))
    add_row(facts, "bundle", manifest.bundle_id)
    add_row(facts, "lies in", opened.root)
    add_row(facts, "created", manifest.created)
    add_row(facts, "format", str(manifest.format_version))
    add_row(facts, "size", f"{n_bytes / 1e6:.1f} MB in {len(manifest.files)} files")
    add_row(facts, "topics", ", ".join(manifest.topics))
    for what, count in manifest.counts.items():
        add_row(facts, what.replace("_", " "), f"{count:,}")
    for licence in manifest.licences:
        add_row(facts, "made from", ", ".join(str(value) for value in licence.values()))
    show(facts)


@app.command("verify")
def verify(bundle: BundleOption = None) -> None:
    """Compare every file of a bundle with its hash."""
    opened = open_bundle(choose_bundle(bundle))
    tell(f"{opened.manifest.bundle_id}: all {len(opened.manifest.files)} files are as they were published")


@app.command("use")
def use_bundle(
    bundle_id: Annotated[str, typer.Argument(help="The bundle's name, as `tagsmith bundle list` prints it.")],
    store: StoreOption = STORE,
) -> None:
    """Verify a bundle of a store, try it, and make it the current one.

    It is opened and asked once in a process of its own: one that cannot be used does not become current. A running
    service of that store takes it within seconds, without failing a request.
    """
    _try(find_bundle(store, bundle_id))
    tell(f"{use(store, bundle_id).manifest.bundle_id} is now the current bundle of {store}")


@app.command("rollback")
def roll_back(store: StoreOption = STORE) -> None:
    """Verify and try the bundle that was current before, and make it the current one again."""
    _try(previous(store))
    tell(f"{rollback(store).manifest.bundle_id} is now the current bundle of {store}")


@app.command("list")
def list_store(store: StoreOption = STORE) -> None:
    """List the bundles of a store; the current one has a star."""
    names = list_bundles(store)
    if not names:
        raise BundleMissing(f"{store} holds no bundle; train one with `tagsmith train`, or name a store with --store")
    try:
        chosen: str | None = current(store).name
    except BundleMissing:
        chosen = None
    table = Table("", "bundle", "created", "MB")
    for name in names:
        manifest_file = store / name / "manifest.json"
        try:
            manifest = parse_manifest(manifest_file.read_bytes(), store / name)
        except BundleError as error:
            add_row(table, "", name, f"cannot be used: {error}", "")
            continue
        n_bytes = sum(record.n_bytes for record in manifest.files.values())
        add_row(table, "*" if name == chosen else "", name, manifest.created, f"{n_bytes / 1e6:.1f}")
    show(table)


def _try(folder: Path) -> None:
    from service.engine.loading import load
    from service.engine.trial import try_bundle
    from service.settings import load_settings

    try_bundle(load_settings(bundle=folder), load)
