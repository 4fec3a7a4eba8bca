"""The bundle: a folder with everything that an answer depends on, and the store that holds bundles.

A store is a folder: ``<bundle_id>/`` for each bundle, ``CURRENT`` with the id that is served, ``PREVIOUS`` with the one
before, ``.staging-*`` while one is being made. ``CURRENT`` is a text file rather than a link, so that a store can be
copied anywhere.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.atomic import write_atomic
from core.bundle.manifest import MANIFEST_NAME, FileRecord, Manifest, is_bundle_id, parse_manifest
from core.errors import BundleCorrupt, BundleMissing
from core.hashes import file_sha256
from core.locks import hold_lock

_CURRENT = "CURRENT"
_PREVIOUS = "PREVIOUS"
STORE_LOCK = ".lock"
_AGAIN = "train or download the bundle again"


@dataclass(frozen=True, slots=True)
class Bundle:
    """An opened bundle: where it lies and what it says of itself."""

    root: Path
    manifest: Manifest

    def path(self, name: str) -> Path:
        """Return where a listed file, or a folder of listed files, lies.

        Raises:
            BundleCorrupt: the manifest lists nothing under ``name``, which covers names that lead out of the bundle.
        """
        if not name or (name not in self.manifest.files and not self.names(name)):
            raise BundleCorrupt(f"the bundle in {self.root} has no {name}; {_AGAIN}")
        return self.root / name

    def names(self, folder: str = "") -> tuple[str, ...]:
        """Return the listed files below ``folder`` ("" for all), sorted."""
        prefix = folder.rstrip("/") + "/" if folder else ""
        return tuple(sorted(name for name in self.manifest.files if name.startswith(prefix)))


def open_bundle(root: Path, *, verify: bool = True) -> Bundle:
    """Open the bundle in ``root``; ``verify`` compares every file's hash, else its size alone.

    Raises:
        BundleMissing: there is no folder, or no manifest in it.
        BundleMismatch: of another format version.
        BundleCorrupt: the manifest is broken, or a file is missing, changed, unreadable or a link.
    """
    try:
        content = (root / MANIFEST_NAME).read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise BundleMissing(
            f"there is no bundle in {root} (no {MANIFEST_NAME}); train one or name another folder"
        ) from error
    except OSError as error:
        raise BundleCorrupt(f"{root / MANIFEST_NAME} cannot be read ({error.strerror}); check its owner") from error
    manifest = parse_manifest(content, root)
    for path in walk_files(root):
        if path.is_symlink():
            raise BundleCorrupt(f"{path} is a link; a bundle holds plain files alone: {_AGAIN}")
    for name, record in manifest.files.items():
        _check_file(root / name, record, verify=verify)
    return Bundle(root, manifest)


def current(store: Path) -> Path:
    """Return the folder of the bundle that ``CURRENT`` names.

    Raises:
        BundleMissing: there is no ``CURRENT``, or the bundle that it names is gone.
    """
    bundle_id = _read_pointer(store / _CURRENT)
    if bundle_id is None:
        raise BundleMissing(f"no bundle is current in {store}; train one, or run `tagsmith bundle use <id>`")
    return find_bundle(store, bundle_id)


def previous(store: Path) -> Path:
    """Return the folder of the bundle that was current before.

    Raises:
        BundleMissing: none was, or it is gone.
    """
    bundle_id = _read_pointer(store / _PREVIOUS)
    if bundle_id is None:
        raise BundleMissing(f"no bundle was current before in {store}; there are: {_choices(store)}")
    return find_bundle(store, bundle_id)


def find_bundle(store: Path, bundle_id: str) -> Path:
    """Return the folder of a bundle of the store.

    Raises:
        BundleMissing: there is no such bundle.
    """
    folder = store / bundle_id
    if not is_bundle_id(bundle_id) or not (folder / MANIFEST_NAME).is_file():
        raise BundleMissing(f"there is no bundle {bundle_id!r} in {store}; there are: {_choices(store)}")
    return folder


def use(store: Path, bundle_id: str) -> Bundle:
    """Verify a bundle of the store and make it the current one; ``use(store, previous(store).name)`` goes back.

    Raises:
        BundleError: it is not there or cannot be used.
        StorageError: the store cannot be written.
    """
    bundle = open_bundle(find_bundle(store, bundle_id))
    move_current(store, bundle_id)
    return bundle


def rollback(store: Path) -> Bundle:
    """Verify the bundle that was current before and make it the current one; doing it twice goes forward again.

    Raises:
        BundleError: none was, it is gone, or it cannot be used.
        StorageError: the store cannot be written.
    """
    return use(store, previous(store).name)


def pointer_mark(store: Path) -> tuple[str, int] | None:
    """Return what ``CURRENT`` holds and when it was written (ns), None where there is none: cheap enough to poll.

    What it holds is not checked; two marks differ whenever the pointer was written in between.
    """
    try:
        with open(store / _CURRENT, "rb") as file:
            return file.read(200).decode("utf-8", "replace").strip(), os.fstat(file.fileno()).st_mtime_ns
    except OSError:
        return None


def move_current(store: Path, bundle_id: str) -> None:
    """Point ``CURRENT`` at a bundle of the store, and ``PREVIOUS`` at the one before."""
    find_bundle(store, bundle_id)
    with hold_lock(store / STORE_LOCK):
        move_pointers(store, bundle_id)


def list_bundles(store: Path) -> tuple[str, ...]:
    """Return the ids of the bundles in a store, sorted; () when there is no store."""
    names = (path.parent.name for path in store.glob(f"*/{MANIFEST_NAME}"))
    return tuple(sorted(name for name in names if is_bundle_id(name)))


def resolve_bundle(path: Path) -> Path:
    """Return the bundle's folder when ``path`` is one, or the current bundle when it is a store.

    Raises:
        BundleMissing: it is neither.
    """
    if (path / MANIFEST_NAME).is_file():
        return path
    if (path / _CURRENT).is_file():
        return current(path)
    raise BundleMissing(
        f"{path} is neither a bundle (no {MANIFEST_NAME}) nor a store of bundles (no {_CURRENT}); "
        "train one there, or name another folder"
    )


def move_pointers(store: Path, bundle_id: str) -> None:
    """Write the pointers; the caller holds the store's lock."""
    try:
        before = _read_pointer(store / _CURRENT)
    except BundleMissing:
        before = None
    # PREVIOUS first: killed in between, going back leads to where one is.
    if before is not None and before != bundle_id:
        write_atomic(store / _PREVIOUS, before + "\n")
    write_atomic(store / _CURRENT, bundle_id + "\n")


def walk_files(root: Path) -> Iterator[Path]:
    """Yield all that lies below ``root`` but folders; links are yielded and not followed."""
    for folder, subfolders, files in os.walk(root):
        yield from (Path(folder, name) for name in files)
        yield from (Path(folder, name) for name in subfolders if Path(folder, name).is_symlink())


def _check_file(path: Path, record: FileRecord, *, verify: bool) -> None:
    try:
        n_bytes = path.stat().st_size
        if n_bytes != record.n_bytes or not path.is_file():
            raise BundleCorrupt(f"{path} has {n_bytes} bytes instead of {record.n_bytes}; {_AGAIN}")
        if verify and file_sha256(path) != record.sha256:
            raise BundleCorrupt(f"{path} is not what the manifest says (SHA-256 differs); {_AGAIN}")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise BundleCorrupt(f"{path} is missing; {_AGAIN}") from error
    except OSError as error:
        raise BundleCorrupt(f"{path} cannot be read ({error.strerror}); check its owner") from error


def _read_pointer(pointer: Path) -> str | None:
    try:
        bundle_id = pointer.read_text("utf-8").strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise BundleMissing(f"{pointer} cannot be read; run `tagsmith bundle use <id>`") from error
    if not is_bundle_id(bundle_id):
        raise BundleMissing(f"{pointer} names no bundle; run `tagsmith bundle use <id>`")
    return bundle_id


def _choices(store: Path) -> str:
    return ", ".join(list_bundles(store)) or "none"
