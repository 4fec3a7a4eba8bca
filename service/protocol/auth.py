"""Authentication: the key of a request is read, verified and charged before anything else of it is looked at.

``Depends(RequiresScope("suggest"))`` in a route gives it the ``Caller``. A service without keys answers everyone who
reaches it, as the workspace ``default`` and without a rate; from the first key on, every call needs one.
"""

from __future__ import annotations

import hmac
import math
from typing import Literal, get_args

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.requests import Request

from service.context import Caller, RequestContext, context_of
from service.problems import Refusal
from service.store.key_limits import Rate
from service.store.key_ring import KeyRing, StoredKey, digest_of, parse_key

Scope = Literal["suggest", "read", "feedback", "sets", "metrics"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
"""suggest: suggestions, batches and checks. read: hashtags, trends and what is loaded. feedback and sets: those of the
key's workspace. metrics: what Prometheus reads."""
ANYONE = "default"
"""The workspace of a service without keys."""
NO_KEY = b"\x00" * 32
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="tagsmith"'}
BAD_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="tagsmith", error="invalid_token"'}


class RequiresScope:
    """A FastAPI dependency that returns the ``Caller`` of a request, or refuses it.

    Attributes:
        scope: what the key must be allowed, or None where any valid key will do.
    """

    def __init__(self, scope: Scope | None) -> None:
        self.scope = scope

    async def __call__(self, request: Request) -> Caller:
        """Return the caller.

        Raises:
            Refusal: ``missing_key``, ``bad_key``, ``forbidden`` or ``rate_limited``.
            StoreUnavailable: the database is away and was never asked about keys since the service began.
        """
        context = context_of(request)
        ring = context.parts.repositories.keys
        presented = presented_key(request)
        if presented is None:
            if await ring.any_key():
                raise Refusal("missing_key", "Send a key: Authorization: Bearer <key>.", headers=CHALLENGE)
            context.caller = Caller(ANYONE, None, frozenset(SCOPES))
            return context.caller
        stored = await _verified(ring, presented)
        context.caller = caller = Caller(stored.workspace, stored.key_id, stored.scopes)
        await charge(context, stored, 1)
        if self.scope is not None and self.scope not in caller.scopes:
            raise Refusal("forbidden", f"This needs a key with the scope {self.scope}.")
        return caller


def scope_checks(app: FastAPI) -> dict[tuple[str, str], RequiresScope | None]:
    """Return the scope check of each (method, path) that ``app`` answers; None where there is none."""
    found: dict[tuple[str, str], RequiresScope | None] = {}
    for route in iter_route_contexts(app.routes):
        needed = route.dependant.dependencies if isinstance(route.original_route, APIRoute) else []
        check = next((needs.call for needs in needed if isinstance(needs.call, RequiresScope)), None)
        found.update({(method, str(route.path)): check for method in sorted(route.methods or ())})
    return found


def presented_key(request: Request) -> str | None:
    """Return the key that a request carries, or None.

    Raises:
        Refusal: ``bad_key``, when it carries two that differ.
    """
    credentials = [value.partition(" ") for value in request.headers.getlist("authorization")]
    bearers = [rest for scheme, _, rest in credentials if scheme.lower() == "bearer"]
    # Of a header that comes twice as well: a proxy in front of the service may have read the other one.
    given = {key for key in map(str.strip, (*bearers, *request.headers.getlist("x-api-key"))) if key}
    if len(given) > 1:
        raise Refusal("bad_key", "The request carries more than one key.", headers=BAD_CHALLENGE)
    return next(iter(given), None)


async def charge(context: RequestContext, key: StoredKey, n_tokens: int, *, n_before: int = 0) -> None:
    """Take ``n_tokens`` from the bucket of ``key``, and note what is left for the answer's headers.

    Args:
        context: of the request that is charged for.
        key: whose bucket it is.
        n_tokens: what is taken now.
        n_before: what the request was charged before, and will be charged again when it is sent again.

    Raises:
        Refusal: ``rate_limited``; nothing is taken.
    """
    rate = await context.parts.repositories.limits.take(key.key_id, key.per_minute, n_tokens)
    context.rate, context.key = rate, key
    if not rate.allowed:
        retry_after_s = rate.retry_after_s + n_before * 60.0 / rate.per_minute
        raise Refusal(
            "rate_limited",
            f"This key may ask {rate.per_minute} times a minute.",
            headers={"Retry-After": str(max(1, math.ceil(retry_after_s)))},
        )


async def charge_more(context: RequestContext, n_tokens: int) -> None:
    """Charge a request that turns out to be worth ``n_tokens`` more than one, as a batch of posts is.

    Raises:
        Refusal: ``rate_limited``; nothing more is taken.
    """
    key = context.key
    if key is not None and n_tokens > 0:
        # A full bucket is always enough: what the key may ask in a minute bounds what it can be charged at once.
        await charge(context, key, min(n_tokens, key.per_minute - 1), n_before=1)


def rate_headers(rate: Rate) -> dict[str, str]:
    """Return ``RateLimit`` and ``RateLimit-Policy`` (draft-ietf-httpapi-ratelimit-headers-11) for one bucket.

    The quota is what a full bucket holds, the window what filling an empty one takes; ``t`` is the seconds until it
    is full again.
    """
    return {
        "RateLimit-Policy": f'"key";q={rate.per_minute};w=60',
        "RateLimit": f'"key";r={max(0, math.floor(rate.left))};t={math.ceil(rate.full_in_s)}',
    }


async def _verified(ring: KeyRing, presented: str) -> StoredKey:
    """Return the stored key that ``presented`` is; the comparison takes as long for every wrong key."""
    refusal = Refusal("bad_key", "This key is unknown, expired or revoked.", headers=BAD_CHALLENGE)
    key_id = parse_key(presented)
    stored = await ring.find(key_id) if key_id is not None else None
    same = hmac.compare_digest(digest_of(presented), stored.hash if stored else NO_KEY)
    if stored is None or not same or not ring.is_valid(stored):
        raise refusal
    return stored
