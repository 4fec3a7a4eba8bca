"""The application: everything wired, nothing running until its lifespan begins."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.routing import Match

from core.errors import TagsmithError, lacking
from core.version import installed_version
from service.context import ServiceParts
from service.engine.batches import Batches
from service.engine.lifecycle import Lifecycle, Load
from service.engine.loading import load
from service.image_urls import read_origin
from service.intake.bodies import ByteBudget
from service.intake.fetching import Fetcher
from service.observe.metrics import Metrics
from service.problems import Refusal
from service.protocol.headers import CORS_ANSWER_HEADERS, CORS_METHODS, CORS_REQUEST_HEADERS, HeadLikeGet, SafeHeaders
from service.protocol.middleware import RequestMiddleware, problem_response
from service.protocol.openapi import openapi_document
from service.protocol.parameters import parameters_refusal
from service.routes import (
    batches,
    check,
    feedback,
    hashtags,
    health,
    loaded,
    me,
    reference,
    sets,
    suggestions,
)
from service.settings import Settings
from service.store.repositories import open_repositories
from service.store.watch import StoreWatch

if TYPE_CHECKING:
    from service.protocol.tracing import Spans

ROUTERS = (
    suggestions.router,
    batches.router,
    check.router,
    hashtags.router,
    feedback.router,
    sets.router,
    me.router,
    loaded.router,
    health.router,
    reference.router,
)


def create_app(
    settings: Settings, *, load: Load = load, metrics: Metrics | None = None, opens_when_ready: bool = False
) -> FastAPI:
    """Return the application.

    Args:
        settings: what the operator set.
        load: opens what is served; called in a thread once the lifespan begins.
        metrics: what is counted into; by default new ones.
        opens_when_ready: whether connections are taken only once they can be answered, as for one of several workers;
            a service alone answers /ping at once.
    """
    metrics = metrics or Metrics()
    parts = ServiceParts(
        settings=settings,
        metrics=metrics,
        lifecycle=Lifecycle(settings, load, metrics),
        repositories=open_repositories(settings),
        bodies=ByteBudget(settings.bodies_mb * 1_000_000),
        batches=Batches(settings.queue),
        fetcher=Fetcher(map(read_origin, settings.image_origins)),
    )
    lifecycle, repositories = parts.lifecycle, parts.repositories
    watch = StoreWatch(repositories.store, lifecycle.concerns, metrics, repositories.journal)
    spans = _open_spans(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        try:
            await repositories.begin()
        except TagsmithError as error:
            lifecycle.fail(error)
        else:
            lifecycle.begin()
        watch.begin()
        if opens_when_ready:
            await lifecycle.settled()
        yield
        await lifecycle.end()
        await watch.end()
        await repositories.end()
        parts.fetcher.close()
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
        openapi_url=None,  # FastAPI renders the document anew for each request
    )
    app.state.parts = parts
    for router in ROUTERS:
        if settings.docs or router is not reference.router:
            app.include_router(router)
    for error in (Refusal, TagsmithError):
        app.add_exception_handler(error, _as_problem)
    app.add_exception_handler(RequestValidationError, _query_problem)
    app.add_exception_handler(HTTPException, _routing_problem)
    app.add_middleware(HeadLikeGet)
    app.add_middleware(RequestMiddleware, parts=parts, watchers=[spans.note] if spans else [])
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=CORS_METHODS,
            allow_headers=CORS_REQUEST_HEADERS,
            expose_headers=CORS_ANSWER_HEADERS,
        )
    app.add_middleware(SafeHeaders)
    app.openapi = lambda: _openapi_document(app)  # type: ignore[method-assign]
    return app


async def _as_problem(request: Request, error: Exception) -> Response:
    return problem_response(request, error)


async def _query_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return problem_response(request, parameters_refusal(error))


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
    """Return the methods of all routes at the request's path; the router names only those of the first."""
    contexts = iter_route_contexts(request.app.routes)
    matching = (route for route in contexts if route.original_route.matches(request.scope)[0] != Match.NONE)
    methods = {method for route in matching for method in route.methods or ()}
    return sorted(methods | {"HEAD"} if "GET" in methods else methods)


def _openapi_document(app: FastAPI) -> dict[str, object]:
    if app.openapi_schema is None:
        app.openapi_schema = openapi_document(app)
    return app.openapi_schema


def _open_spans(settings: Settings) -> Spans | None:
    """Return what sends traces, or None when the settings name no endpoint for them.

    Raises:
        MissingExtra: OpenTelemetry is not installed.
    """
    if settings.otlp_endpoint is None:
        return None
    try:
        from service.protocol.tracing import Spans
    except ModuleNotFoundError as error:
        raise lacking("tracing", "OpenTelemetry", "otel") from error
    return Spans(settings.otlp_endpoint, installed_version())
