"""Making a bundle: staged aside, hashed, opened again, and moved into its place in one step."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from dataclasses import fields
from pathlib import Path
from types import TracebackType

from core.atomic import storage_errors, sync_folder, write_atomic
from core.bundle.manifest import (
    MANIFEST_NAME,
    FileRecord,
    Manifest,
    Provenance,
    is_bundle_id,
    is_inner_name,
    parse_manifest,
)
from core.bundle.opening import STORE_LOCK, Bundle, move_pointers, open_bundle, walk_files
from core.errors import StorageError
from core.hashes import file_sha256
from core.locks import Held, hold_lock

_STAGING = ".staging-"


class DraftBundle:
    """A bundle in the making: a context manager that leaves a whole bundle in the store, or nothing.

    ``path`` names a file to write, ``seal`` hashes what is there and may be called again after more was written,
    ``publish`` moves the folder into its place and makes it the current one. Left without ``publish``, or by an error,
    the folder is removed.
    """

    def __init__(self, store: Path, bundle_id: str) -> None:
        self.store = store
        self.bundle_id = bundle_id
        self.root = store / f"{_STAGING}{bundle_id}-{secrets.token_hex(4)}"
        self._alive = contextlib.ExitStack()
        self._published = False

    def __enter__(self) -> DraftBundle:
        """Make the staging folder.

        Raises:
            StorageError: the id cannot name a folder or is taken, or the store cannot be written.
        """
        if not is_bundle_id(self.bundle_id):
            raise StorageError(f"{self.bundle_id!r} cannot name a bundle; use letters, digits, '.', '_' and '-'")
        with storage_errors(self.store):
            self.store.mkdir(parents=True, exist_ok=True)
        with hold_lock(self.store / STORE_LOCK):
            self._refuse_taken()
            # Held while this draft lives: whoever can take it knows that the maker is gone.
            with contextlib.ExitStack() as undo:
                undo.enter_context(hold_lock(_lock_of(self.root)))
                with storage_errors(self.root):
                    self.root.mkdir()
                self._alive = undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._published:
            shutil.rmtree(self.root, ignore_errors=True)
        _lock_of(self.root).unlink(missing_ok=True)
        self._alive.close()
        if isinstance(error, OSError):
            # Whoever writes into a draft may meet a full disk; it is told like any other.
            with storage_errors(self.root):
                raise error

    def path(self, name: str) -> Path:
        """Return where to write the file ``name``; its folders are made.

        Raises:
            StorageError: the name leads out of the bundle or is the manifest's, or the folder cannot be made.
        """
        if not is_inner_name(name) or name == MANIFEST_NAME:
            raise StorageError(f"{name!r} cannot be a file of a bundle; use a relative path with '/'")
        path = self.root / name
        with storage_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def seal(self, provenance: Provenance) -> Bundle:
        """Hash every file, write the manifest and return the draft as a bundle that can be used.

        Raises:
            StorageError: the disk is full, or something other than a plain file lies in the draft.
        """
        files = {}
        for path in sorted(walk_files(self.root)):
            name = path.relative_to(self.root).as_posix()
            if path.is_symlink() or not path.is_file() or not is_inner_name(name):
                raise StorageError(f"{path} is not a plain file; a bundle holds nothing else")
            if name != MANIFEST_NAME:
                with storage_errors(path), open(path, "rb") as file:
                    os.fsync(file.fileno())
                    files[name] = FileRecord(file_sha256(path), path.stat().st_size)
        manifest = Manifest(
            bundle_id=self.bundle_id,
            files=files,
            **{field.name: getattr(provenance, field.name) for field in fields(Provenance)},
        )
        # Read back what was written: a manifest that this program would refuse must not get any further.
        content = manifest.to_json().encode()
        parse_manifest(content, self.root)
        write_atomic(self.root / MANIFEST_NAME, content)
        return open_bundle(self.root, verify=False)

    def publish(self) -> Bundle:
        """Verify the sealed draft, move it into its place, make it current, and clear away what killed runs left.

        Raises:
            BundleError: it was not sealed, or a file changed since.
            StorageError: the id was taken meanwhile, or the store cannot be written.
        """
        open_bundle(self.root)
        target = self.store / self.bundle_id
        with hold_lock(self.store / STORE_LOCK):
            self._refuse_taken()
            with storage_errors(target):
                for folder, _, _ in os.walk(self.root):
                    sync_folder(Path(folder))
                os.rename(self.root, target)
                sync_folder(self.store)
            self._published = True
            _clear_leftovers(self.store)
            try:
                move_pointers(self.store, self.bundle_id)
            except StorageError as error:
                raise StorageError(
                    f"{target} is complete, but not current: {error}. Then run `tagsmith bundle use {self.bundle_id}`"
                ) from error
        return open_bundle(target, verify=False)

    def _refuse_taken(self) -> None:
        if (self.store / self.bundle_id).exists():
            raise StorageError(f"{self.store / self.bundle_id} is there already; choose another id or remove it")


def _lock_of(staging: Path) -> Path:
    return staging.with_name(staging.name + ".lock")


def _clear_leftovers(store: Path) -> None:
    """Remove the staging folders whose makers are gone; the caller holds the store's lock."""
    names = {path.name.removesuffix(".lock") for path in store.glob(f"{_STAGING}*")}
    for staging in (store / name for name in names):
        with contextlib.suppress(Held), hold_lock(_lock_of(staging), wait=False):
            shutil.rmtree(staging, ignore_errors=True)
            _lock_of(staging).unlink(missing_ok=True)
