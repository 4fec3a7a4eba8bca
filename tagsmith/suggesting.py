"""``tagsmith suggest``."""

from __future__ import annotations


def suggest() -> None:
    """Print hashtags for one post."""
    raise NotImplementedError
