"""Ready sets for platforms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from service.answers import PlatformHashtags, PlatformList


class PlatformSets(Protocol):
    """Knows the platforms' rules and makes sets that keep them."""

    @property
    def names(self) -> frozenset[str]:
        """Platforms that there are rules for."""
        ...

    def ready_set(self, platform: str, shown: Sequence[str]) -> PlatformHashtags:
        """Return what of ``shown``, in its order, may go on ``platform``."""
        ...

    def max_hashtags(self, platform: str) -> int | None:
        """Return how many hashtags ``platform`` takes, None when it names no number."""
        ...

    def listing(self) -> PlatformList:
        """Return every rule with its date and source."""
        ...
