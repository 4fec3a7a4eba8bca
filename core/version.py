"""Which versions of tagsmith and of other packages are installed."""

from __future__ import annotations

from importlib import metadata

UNKNOWN = "unknown"


def package_version(name: str) -> str | None:
    """Return the version of an installed package, None where it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def installed_version() -> str:
    """Return the version of tagsmith, ``UNKNOWN`` where it runs without having been installed."""
    return package_version("tagsmith") or UNKNOWN
