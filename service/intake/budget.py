"""How many bytes of request bodies are held at once, over all requests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from core.errors import Overloaded


class ByteBudget:
    """A pot of bytes that bodies draw from while they are read and give back when their request is done.

    Not locked: it lives on the event loop.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self.held = 0

    @contextmanager
    def claims(self) -> Iterator[Claim]:
        """Open a claim for one request; everything it drew goes back at the end."""
        claim = Claim(self)
        try:
            yield claim
        finally:
            self.held -= claim.n_bytes
            claim.n_bytes = 0

    def draw(self, n_bytes: int) -> None:
        """Take ``n_bytes``.

        Raises:
            Overloaded: there are not as many left.
        """
        if self.held + n_bytes > self._max_bytes:
            raise Overloaded("Too many large bodies are being read at once.", retry_after_s=1.0)
        self.held += n_bytes


class Claim:
    """What one request drew."""

    def __init__(self, budget: ByteBudget) -> None:
        self._budget = budget
        self.n_bytes = 0

    async def draw_for(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield ``chunks``, drawing for each before it is passed on.

        Raises:
            Overloaded: the pot is empty.
        """
        async for chunk in chunks:
            self._budget.draw(len(chunk))
            self.n_bytes += len(chunk)
            yield chunk
