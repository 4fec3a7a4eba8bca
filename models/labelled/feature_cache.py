"""Features of picture files, computed once and kept on the disk under the hash of what they depend on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.atomic import aside, storage_errors

Floats = NDArray[np.float32]


def feature_key(recipe: str, data: bytes) -> str:
    """Return the name of the features of a picture file's ``data`` that are made by ``recipe``."""
    return hashlib.sha256(recipe.encode() + hashlib.sha256(data).digest()).hexdigest()


def cached_features(cache: Path, key: str, compute: Callable[[], Floats]) -> Floats:
    """Return the array that ``cache`` holds under ``key``, else what ``compute`` returns, which is kept then.

    Several threads and processes may ask for the same key at once. A file that cannot be read as an array, which a
    power cut may leave, is computed again.

    Raises:
        StorageError: the cache cannot be written.
    """
    kept = cache / f"{key}.npy"
    try:
        found: Floats = np.load(kept, allow_pickle=False)
        return found
    except (FileNotFoundError, EOFError, ValueError):
        pass
    features = compute()
    with storage_errors(kept), aside(kept, durable=False) as hidden, hidden.open("xb") as file:
        np.save(file, features)
    return features
