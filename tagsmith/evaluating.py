"""``tagsmith evaluate``."""

from __future__ import annotations


def evaluate() -> None:
    """Measure a bundle on test posts and pictures."""
    raise NotImplementedError
