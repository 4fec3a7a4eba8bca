"""The application: everything wired, nothing running until its lifespan begins."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.routing import Match

from core.errors import MissingExtra, TagsmithError
from core.version import installed_version
from service.engine.batch_places import Batches
from service.engine.loading import load
from service.engine.serving import OneBundle
from service.engine.state import Load, State
from service.image_urls import read_origin
from service.intake.budget import ByteBudget
from service.intake.fetching import Fetcher
from service.observe.metrics import Metrics
from service.protocol import openapi
from service.protocol.headers import CORS_ANSWER_HEADERS, CORS_METHODS, CORS_REQUEST_HEADERS, SafeHeaders
from service.protocol.heads import HeadLikeGet
from service.protocol.middleware import RequestMiddleware, problem_response
from service.protocol.problems import Refusal
from service.protocol.query_strings import refusal_of
from service.routes import (
    batches,
    bundle,
    check,
    feedback,
    hashtags,
    health,
    limits,
    me,
    platforms,
    reference,
    sets,
    suggestions,
    topics,
    trending,
)
from service.settings import Settings
from service.store.repositories import open_repositories
from service.store.watch import StoreWatch

ROUTERS = (
    suggestions.router,
    batches.router,
    check.router,
    hashtags.router,
    trending.router,
    feedback.router,
    sets.router,
    me.router,
    topics.router,
    bundle.router,
    platforms.router,
    limits.router,
    health.router,
    reference.router,
)


def create_app(settings: Settings, *, load: Load = load, metrics: Metrics | None = None) -> FastAPI:
    """Return the application; ``load`` opens what it serves and is called in a thread once the lifespan begins."""
    metrics = metrics or Metrics()
    service = State(settings, load, metrics)
    repositories = open_repositories(settings)
    watch = StoreWatch(repositories.store, service.concerns, metrics, lambda: repositories.journal.spool.n_bytes)
    spans = _open_spans(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        try:
            await repositories.begin()
        except TagsmithError as error:
            service.fail(error)
        else:
            service.begin()
        watch.begin()
        if app.state.opens_when_ready:
            await service.settled()
        yield
        await service.end()
        await watch.end()
        await repositories.end()
        app.state.fetcher.close()
        if spans is not None:
            await asyncio.to_thread(spans.close)

    app = FastAPI(
        title="tagsmith",
        version=installed_version(),
        lifespan=lifespan,
        redirect_slashes=False,
        docs_url=None,  # FastAPI's own pages fetch their scripts from elsewhere
        redoc_url=None,
        generate_unique_id_function=lambda route: route.name,
        openapi_url="/openapi.json" if settings.docs else None,
    )
    app.state.settings = settings
    app.state.metrics = metrics
    app.state.service = service
    # One of several workers takes no connection before it can answer it; a service alone answers /ping at once.
    app.state.opens_when_ready = False
    app.state.repositories = repositories
    app.state.bodies = ByteBudget(settings.bodies_mb * 1_000_000)
    app.state.batches = Batches(settings.queue)
    app.state.fetcher = Fetcher(map(read_origin, settings.image_origins))
    for router in ROUTERS if settings.docs else [one for one in ROUTERS if one is not reference.router]:
        app.include_router(router)
    for error in (Refusal, TagsmithError):
        app.add_exception_handler(error, _as_problem)
    app.add_exception_handler(RequestValidationError, _query_problem)
    app.add_exception_handler(HTTPException, _routing_problem)
    app.add_middleware(HeadLikeGet)
    app.add_middleware(OneBundle, pinned=service.pinned)
    app.add_middleware(RequestMiddleware, metrics=metrics, watchers=[spans.note] if spans else [])
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=CORS_METHODS,
            allow_headers=CORS_REQUEST_HEADERS,
            expose_headers=CORS_ANSWER_HEADERS,
        )
    app.add_middleware(SafeHeaders)
    app.openapi = lambda: _once(app)  # type: ignore[method-assign]
    return app


async def _as_problem(request: Request, error: Exception) -> Response:
    return problem_response(request, error)


async def _query_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return problem_response(request, refusal_of(error))


async def _routing_problem(request: Request, error: Exception) -> Response:
    """Turn what the router raises into a problem."""
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        allowed = {"Allow": ", ".join(_methods_at(request))}
        refusal = Refusal("method_not_allowed", f"{request.method} is not allowed here.", headers=allowed)
    elif error.status_code == 404:
        refusal = Refusal("not_found", "There is nothing at this path.")
    else:
        refusal = Refusal("malformed_body", "The request cannot be read.")
    return problem_response(request, refusal)


def _methods_at(request: Request) -> list[str]:
    """Return the methods of every route at the request's path; the router names those of the first one alone."""
    contexts = iter_route_contexts(request.app.routes)
    matching = (route for route in contexts if route.original_route.matches(request.scope)[0] != Match.NONE)
    methods = {method for route in matching for method in route.methods or ()}
    return sorted(methods | {"HEAD"} if "GET" in methods else methods)


def _once(app: FastAPI) -> dict[str, object]:
    if app.openapi_schema is None:
        app.openapi_schema = openapi.describe(app)
    return app.openapi_schema


def _open_spans(settings: Settings) -> Any:
    """Return what sends traces, None where nobody asked for it.

    Raises:
        MissingExtra: OpenTelemetry is not installed.
    """
    if settings.otlp_endpoint is None:
        return None
    try:
        tracing = importlib.import_module("service.protocol.tracing")
    except ModuleNotFoundError as error:
        raise MissingExtra("traces need OpenTelemetry; install it with: pip install 'tagsmith[otel]'") from error
    return tracing.Spans(settings.otlp_endpoint, installed_version())
