"""``tagsmith bundle``: look at bundles and choose between them."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from core.bundle.manifest import parse_manifest
from core.bundle.opening import current, find_bundle, list_bundles, open_bundle, previous, rollback, use
from core.errors import BundleError, BundleMissing
from tagsmith.options import STORE, BundleOption, choose_bundle

app = typer.Typer(help="Look at bundles and choose the one that is used.", no_args_is_help=True)

StoreOption = Annotated[Path, typer.Option("--store", help="The folder that bundles are published in.")]


@app.command("show")
def show(
    bundle: BundleOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole manifest.")] = False,
) -> None:
    """Print what a bundle was made of."""
    opened = open_bundle(choose_bundle(bundle), verify=False)
    manifest = opened.manifest
    if as_json:
        typer.echo(json.dumps(asdict(manifest), indent=2, ensure_ascii=False))
        return
    n_bytes = sum(record.n_bytes for record in manifest.files.values())
    facts = Table.grid(padding=(0, 2))
    facts.add_row("bundle", manifest.bundle_id)
    facts.add_row("lies in", escape(str(opened.root)))
    facts.add_row("created", manifest.created)
    facts.add_row("format", str(manifest.format_version))
    facts.add_row("size", f"{n_bytes / 1e6:.1f} MB in {len(manifest.files)} files")
    facts.add_row("topics", ", ".join(manifest.topics))
    for what, count in manifest.counts.items():
        facts.add_row(what.replace("_", " "), f"{count:,}")
    for licence in manifest.licences:
        facts.add_row("made from", escape(", ".join(str(value) for value in licence.values())))
    Console().print(facts)


@app.command("verify")
def verify(bundle: BundleOption = None) -> None:
    """Compare every file of a bundle with its hash."""
    opened = open_bundle(choose_bundle(bundle))
    typer.echo(f"{opened.manifest.bundle_id}: all {len(opened.manifest.files)} files are as they were published")


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
    typer.echo(f"{use(store, bundle_id).manifest.bundle_id} is now the current bundle of {store}")


@app.command("rollback")
def roll_back(store: StoreOption = STORE) -> None:
    """Verify and try the bundle that was current before, and make it the current one again."""
    _try(previous(store))
    typer.echo(f"{rollback(store).manifest.bundle_id} is now the current bundle of {store}")


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
            table.add_row("", name, escape(f"cannot be used: {error}"), "")
            continue
        n_bytes = sum(record.n_bytes for record in manifest.files.values())
        table.add_row("*" if name == chosen else "", name, manifest.created, f"{n_bytes / 1e6:.1f}")
    Console().print(table)


def _try(folder: Path) -> None:
    from service.engine.loading import load
    from service.engine.trial import try_bundle
    from service.settings import load_settings

    try_bundle(load_settings(bundle=folder), load)
