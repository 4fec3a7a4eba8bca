"""A few dropped posts of each rule: each post has the same chance, and every run draws the same ones.

Posts are ranked by a hash of where they stand; those with the lowest are the sample (bottom-k sampling). That needs no
count beforehand and no random state to be kept across a restart.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Samples(Generic[T]):
    """The ``size`` things of each rule with the lowest ranks."""

    def __init__(self, size: int) -> None:
        """Keep up to ``size`` of each rule."""
        self._size = size
        self._heaps: dict[str, list[tuple[float, int, T]]] = defaultdict(list)
        self._n_offered = 0

    def wants(self, rule: str, rank: float) -> bool:
        """Return whether a thing of this rank would be kept."""
        heap = self._heaps[rule]
        return self._size > 0 and (len(heap) < self._size or rank < -heap[0][0])

    def offer(self, rule: str, rank: float, thing: T) -> None:
        """Keep a thing if its rank is low enough."""
        if not self.wants(rule, rank):
            return
        self._n_offered += 1
        entry = (-rank, self._n_offered, thing)
        heap = self._heaps[rule]
        if len(heap) < self._size:
            heapq.heappush(heap, entry)
        else:
            heapq.heapreplace(heap, entry)

    def of(self, rule: str) -> list[T]:
        """Return what is kept of a rule, lowest rank first."""
        return [thing for _, _, thing in sorted(self._heaps[rule], key=lambda entry: -entry[0])]

    def all(self) -> Iterator[tuple[str, T]]:
        """Yield (rule, thing) of everything that is kept."""
        for rule in self._heaps:
            for thing in self.of(rule):
                yield rule, thing
