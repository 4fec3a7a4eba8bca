"""The bytes of request bodies: each bounded while it streams in, and all of them together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from starlette.requests import Request

from core.errors import Overloaded
from service.problems import Refusal


class ByteBudget:
    """How many bytes of bodies may be held at once, over all requests. Not locked: it lives on the event loop.

    Args:
        max_bytes: held at once, at most.

    Attributes:
        held: bytes that are held now.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self.held = 0

    @contextmanager
    def claims(self) -> Iterator[Claim]:
        """Yield a claim for one request; everything drawn with it goes back at the end of the block."""
        claim = Claim(self)
        try:
            yield claim
        finally:
            self.held -= claim.n_bytes
            claim.n_bytes = 0

    def draw(self, n_bytes: int) -> None:
        """Take ``n_bytes``.

        Raises:
            Overloaded: fewer are left.
        """
        if self.held + n_bytes > self._max_bytes:
            raise Overloaded("Too many large bodies are being read at once.", retry_after_s=1.0)
        self.held += n_bytes


class Claim:
    """What one request has drawn from a budget.

    Args:
        budget: drawn from.

    Attributes:
        n_bytes: drawn so far.
    """

    def __init__(self, budget: ByteBudget) -> None:
        self._budget = budget
        self.n_bytes = 0

    async def draw_for(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield ``chunks``, drawing for each before it is passed on.

        Raises:
            Overloaded: the budget is used up.
        """
        async for chunk in chunks:
            self._budget.draw(len(chunk))
            self.n_bytes += len(chunk)
            yield chunk


def content_kind(request: Request) -> str:
    """Return the body's media type without parameters.

    Raises:
        Refusal: the body is compressed.
    """
    if request.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise Refusal("unsupported_content_type", "The body must not be compressed.")
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_body(request: Request, claim: Claim, max_bytes: int) -> bytearray:
    """Return the whole body.

    Raises:
        Refusal: ``body_too_large``, as soon as that is known.
        Overloaded: too many bytes of bodies are held already.
    """
    body = bytearray()
    async for chunk in body_chunks(request, claim, max_bytes):
        body += chunk
    return body


async def body_chunks(request: Request, claim: Claim, max_bytes: int) -> AsyncIterator[bytes]:
    """Yield the body as it comes in.

    Raises:
        Refusal: ``body_too_large``, by the announced length or as soon as more has come in.
        Overloaded: too many bytes of bodies are held already.
    """
    announced = request.headers.get("content-length", "")
    n_bytes = int(announced[:20]) if announced.isdecimal() else 0
    if n_bytes > max_bytes:
        raise _too_large(max_bytes)
    n_bytes = 0
    async for chunk in claim.draw_for(request.stream()):
        n_bytes += len(chunk)
        if n_bytes > max_bytes:
            raise _too_large(max_bytes)
        yield chunk


def _too_large(max_bytes: int) -> Refusal:
    return Refusal("body_too_large", f"The body has more than {max_bytes:,} bytes.")
