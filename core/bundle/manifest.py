"""What a bundle says of itself: who trained it on what, and the hash of every file."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import Any

from core.errors import BundleCorrupt, BundleMismatch

FORMAT_VERSION = 1
MANIFEST_NAME = "manifest.json"

_ID = re.compile(r"(?!(?:CURRENT|PREVIOUS)\Z)[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class FileRecord:
    """One file of a bundle: its SHA-256 in lower-case hex and its size."""

    sha256: str
    n_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """What trained a bundle; all of it plain JSON values.

    Attributes:
        created: RFC 3339 in UTC; the one thing that differs between two trainings from the same data.
        config: every number of the training configuration.
        seeds: random seeds by what they seed.
        data_hashes: SHA-256 of each input by its name.
        package_versions: versions of the packages that took part.
        preprocessing: how a picture becomes the network's input.
        topics: names in the order of the network's outputs.
        licences: one mapping for each thing it was made from: what, licence, source.
        counts: posts, hashtags, words, pictures and so on.
    """

    created: str
    topics: tuple[str, ...]
    config: Mapping[str, Any] = field(default_factory=dict)
    seeds: Mapping[str, int] = field(default_factory=dict)
    data_hashes: Mapping[str, str] = field(default_factory=dict)
    package_versions: Mapping[str, str] = field(default_factory=dict)
    preprocessing: Mapping[str, Any] = field(default_factory=dict)
    licences: tuple[Mapping[str, str], ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest(Provenance):
    """A bundle's ``manifest.json``.

    Attributes:
        bundle_id: also the name of the bundle's folder in a store.
        format_version: ``FORMAT_VERSION`` of the program that wrote it.
        files: every file but the manifest by its path with ``/``, relative to the bundle.
    """

    bundle_id: str
    files: Mapping[str, FileRecord]
    format_version: int = FORMAT_VERSION

    def to_json(self) -> str:
        """Return the manifest as JSON with sorted keys, so that equal manifests are equal bytes."""
        content = asdict(self)
        content["files"] = {
            name: {"sha256": record.sha256, "bytes": record.n_bytes} for name, record in self.files.items()
        }
        return json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def parse_manifest(content: bytes, where: object) -> Manifest:
    """Read a manifest; ``where`` is the bundle's folder, for messages.

    Raises:
        BundleMismatch: written in another format version.
        BundleCorrupt: not JSON, a field missing or of the wrong type, or a file name that leads out of the bundle.
    """
    try:
        raw = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise _corrupt(where, "is not JSON") from error
    if not isinstance(raw, dict) or type(raw.get("format_version")) is not int:
        raise _corrupt(where, "has no format_version")
    if raw["format_version"] != FORMAT_VERSION:
        raise BundleMismatch(
            f"{where} is a bundle of format {raw['format_version']}, this program reads format {FORMAT_VERSION}; "
            "train it again with this version, or run the version that wrote it"
        )
    for member in fields(Manifest):
        if member.name not in raw:
            raise _corrupt(where, f"has no {member.name}")
    unknown = sorted(set(raw) - {member.name for member in fields(Manifest)})
    if unknown:
        raise _corrupt(where, f"has an unknown field {unknown[0]!r}")
    _check_types(raw, where)
    raw["topics"] = tuple(raw["topics"])
    raw["licences"] = tuple(raw["licences"])
    raw["files"] = {name: FileRecord(entry["sha256"], entry["bytes"]) for name, entry in raw["files"].items()}
    return Manifest(**raw)


def is_bundle_id(text: str) -> bool:
    """Whether ``text`` can name a bundle: a letter or digit, then letters, digits, ``.``, ``_``, ``-``; at most 100."""
    return _ID.fullmatch(text) is not None


def is_inner_name(name: str) -> bool:
    """Whether ``name`` is a plain relative path with ``/`` that stays inside the bundle."""
    return name.isprintable() and "\\" not in name and ":" not in name and not {"", ".", ".."} & set(name.split("/"))


def _check_types(raw: dict[str, Any], where: object) -> None:
    if not isinstance(raw["bundle_id"], str) or not is_bundle_id(raw["bundle_id"]):
        raise _corrupt(where, "has a bundle_id that cannot name a folder")
    try:
        aware = datetime.fromisoformat(raw["created"]).tzinfo is not None
    except (TypeError, ValueError):
        aware = False
    if not aware:
        raise _corrupt(where, "has a created that is not an RFC 3339 time")
    if not isinstance(raw["topics"], list) or not all(isinstance(topic, str) for topic in raw["topics"]):
        raise _corrupt(where, "has topics that are not a list of names")
    if not isinstance(raw["licences"], list) or not all(isinstance(licence, dict) for licence in raw["licences"]):
        raise _corrupt(where, "has licences that are not a list of objects")
    if not all(isinstance(text, str) for licence in raw["licences"] for text in licence.values()):
        raise _corrupt(where, "has licences that are not texts")
    for name in ("config", "seeds", "data_hashes", "package_versions", "preprocessing", "counts", "files"):
        if not isinstance(raw[name], dict):
            raise _corrupt(where, f"has a field {name} that is not an object")
    if not all(type(count) is int for count in raw["counts"].values()):
        raise _corrupt(where, "has counts that are not whole numbers")
    for name, entry in raw["files"].items():
        if not is_inner_name(name) or name == MANIFEST_NAME:
            raise _corrupt(where, f"lists {name!r}, which is not a file inside the bundle")
        sha256, n_bytes = (entry.get("sha256"), entry.get("bytes")) if isinstance(entry, dict) else (None, None)
        if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256) or type(n_bytes) is not int or n_bytes < 0:
            raise _corrupt(where, f"lists {name!r} without a SHA-256 and a size")


def _corrupt(where: object, what: str) -> BundleCorrupt:
    return BundleCorrupt(f"{MANIFEST_NAME} in {where} {what}; train or download the bundle again")
