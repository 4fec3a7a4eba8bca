"""Which tagsmith this is."""

from __future__ import annotations

from importlib import metadata

UNKNOWN = "unknown"


def installed_version() -> str:
    """Return the version of the installed package, ``UNKNOWN`` where it runs without having been installed."""
    try:
        return metadata.version("tagsmith")
    except metadata.PackageNotFoundError:
        return UNKNOWN
