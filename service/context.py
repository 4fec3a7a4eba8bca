"""What a request is answered with: the parts of the application, and what is known of the request itself.

``create_app`` makes one ``ServiceParts``; the outermost middleware gives each request a ``RequestContext`` with it.
Routes get that as a parameter of the type ``Context``, and pass on what the rest of the code needs of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, FastAPI, Request

from core.errors import DeadlineExceeded
from service.engine.batches import Batches
from service.engine.lifecycle import Lifecycle, ServedBundle
from service.engine.loading import Loaded
from service.intake.bodies import ByteBudget
from service.intake.fetching import Fetcher
from service.observe.metrics import Metrics, StageTimes
from service.settings import Settings
from service.store.key_limits import Rate
from service.store.key_ring import StoredKey
from service.store.repositories import Repositories


@dataclass(frozen=True, slots=True)
class ServiceParts:
    """The parts of one application.

    Attributes:
        settings: what the operator set.
        metrics: what Prometheus reads.
        lifecycle: the bundle that is served, or why there is none.
        repositories: everything that is remembered.
        bodies: how many bytes of request bodies are held at once.
        batches: how many batches are answered at once.
        fetcher: gets pictures by URL.
    """

    settings: Settings
    metrics: Metrics
    lifecycle: Lifecycle
    repositories: Repositories
    bodies: ByteBudget
    batches: Batches
    fetcher: Fetcher


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request, and what they may do.

    Attributes:
        workspace: whose feedback, sets and suggestions these are.
        key_id: the public part of the key, fit for logs; None where there are no keys.
        scopes: what the caller may do.
    """

    workspace: str
    key_id: str | None
    scopes: frozenset[str]


@dataclass(slots=True)
class RequestContext:
    """What is known of one request; ``RequiresScope`` fills in the caller, the key and its rate.

    Attributes:
        parts: of the application that answers it.
        request_id: the caller's or a new one; every answer carries it.
        held: what was served when it came, kept for it until it is done; None when nothing was.
        stages: where its time went.
        caller: who sent it; None before the key is checked.
        key: the caller's; None where there are no keys.
        rate: what is left of the key's rate; None where there are no keys.
        peer: the address that it came from; "" when that is not known.
    """

    parts: ServiceParts
    request_id: str
    held: ServedBundle | None = None
    stages: StageTimes = field(default_factory=StageTimes)
    caller: Caller | None = None
    key: StoredKey | None = None
    rate: Rate | None = None
    peer: str = ""

    @property
    def account(self) -> str:
        """Whose share of what all requests draw from this one uses: its key's, or without keys its address's."""
        return self.key.key_id if self.key is not None else self.peer

    @property
    def workspace(self) -> str:
        """The caller's workspace; only for routes that check the key."""
        assert self.caller is not None, "this route does not check the caller's key"
        return self.caller.workspace

    @property
    def serving(self) -> ServedBundle:
        """The bundle and the inference that this request is answered with.

        Raises:
            NotReady: no bundle is loaded yet, or the service is draining.
        """
        return self.parts.lifecycle.serving(self.held)

    @property
    def loaded(self) -> Loaded:
        """The bundle that look-ups are answered with, also while the service is draining.

        Raises:
            NotReady: no bundle is loaded yet.
        """
        return self.parts.lifecycle.loaded(self.held)

    @asynccontextmanager
    async def in_time(self) -> AsyncIterator[None]:
        """Give the block the time of one request, reading included.

        Raises:
            DeadlineExceeded: it took longer.
        """
        try:
            async with asyncio.timeout(self.parts.settings.deadline_s):
                yield
        except TimeoutError:
            raise DeadlineExceeded("The request's time ran out.", retry_after_s=1.0) from None


def parts_of(app: FastAPI) -> ServiceParts:
    """Return the parts of an application that ``create_app`` made."""
    parts = app.state.parts
    assert isinstance(parts, ServiceParts)
    return parts


def context_of(request: Request) -> RequestContext:
    """Return what is known of ``request``."""
    context = request.scope["state"]["context"]
    assert isinstance(context, RequestContext)
    return context


async def _context(request: Request) -> RequestContext:
    # A coroutine: FastAPI would call a plain function in a thread.
    return context_of(request)


Context = Annotated[RequestContext, Depends(_context)]
"""The type of a route's parameter that gets the request's context."""
