"""``tagsmith doctor``."""

from __future__ import annotations


def doctor() -> None:
    """Print what is installed and what would be used."""
    raise NotImplementedError
