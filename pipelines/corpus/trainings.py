"""Which posts of a corpus a training read, so that one can tell what learnt from a person who is forgotten.

A bundle's manifest holds one hash of all posts that it was trained on (``data_hashes``). It tells that a set of posts
was used, and not which posts it held. So whoever hands a corpus to training leaves a ledger in the corpus, named after
that very hash: the salted hashes of the posts' ids, and nothing else of them. A bundle that no ledger knows was trained
in another way, and nobody can say whether a post was among its data.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from core.atomic import storage_errors, write_atomic
from core.bundle.manifest import MANIFEST_NAME, Manifest, parse_manifest
from core.bundle.opening import list_bundles
from core.errors import BundleError

FOLDER = "trainings"
_ENDING = ".txt.gz"


@dataclass(frozen=True, slots=True)
class TrainedWith:
    """What is known of the bundles of a store.

    Attributes:
        yes: ids of bundles that were trained with one of the posts.
        no: ids of bundles that were trained from this corpus without any of them.
        unknown: ids of bundles that no ledger of this corpus knows.
    """

    yes: tuple[str, ...] = ()
    no: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def record_training(state_folder: Path, data_hash: str, post_hashes: Iterable[str]) -> None:
    """Leave a ledger of the posts that a training is about to read.

    Args:
        state_folder: ``crawl`` of the corpus.
        data_hash: hash of the posts as ``data_hashes`` of a manifest names them.
        post_hashes: salted hashes of the posts' ids.

    Raises:
        StorageError: it cannot be written.
    """
    folder = state_folder / FOLDER
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    text = "".join(f"{post_hash}\n" for post_hash in sorted(set(post_hashes)))
    write_atomic(folder / f"{data_hash}{_ENDING}", gzip.compress(text.encode(), mtime=0))


def trained_with(state_folder: Path, store: Path, post_hashes: frozenset[str]) -> TrainedWith:
    """Return which bundles of a store were trained with one of the posts, as far as the corpus's ledgers tell."""
    ledgers = {path.name.removesuffix(_ENDING): path for path in (state_folder / FOLDER).glob(f"*{_ENDING}")}
    yes, no, unknown = [], [], []
    for bundle_id in list_bundles(store):
        manifest = _manifest(store / bundle_id)
        known = (
            []
            if manifest is None
            else [data_hash for data_hash in manifest.data_hashes.values() if data_hash in ledgers]
        )
        if not known:
            unknown.append(bundle_id)
        elif any(post_hashes & _read(ledgers[data_hash]) for data_hash in known):
            yes.append(bundle_id)
        else:
            no.append(bundle_id)
    return TrainedWith(tuple(yes), tuple(no), tuple(unknown))


def _manifest(bundle: Path) -> Manifest | None:
    try:
        return parse_manifest((bundle / MANIFEST_NAME).read_bytes(), bundle)
    except (OSError, BundleError):
        return None


def _read(path: Path) -> frozenset[str]:
    """Return the hashes of a ledger."""
    with gzip.open(path, "rt", encoding="ascii") as lines:
        return frozenset(line.strip() for line in lines)
