"""What every request gets: a context and an id, its timings, a problem in place of a crash, a log line and a count."""

from __future__ import annotations

import json
import logging
import re
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.context import RequestContext, ServiceParts, context_of
from service.observe.logs import LOGGER, log
from service.observe.metrics import METHODS, StageTimes
from service.problems import KINDS, MEDIA_TYPE, problem_body, refusal_for
from service.protocol.auth import rate_headers

VISIBLE_ASCII = re.compile(r"[\x21-\x7e]{1,128}")
CLIENT_GONE = 499
MAX_INSTANCE = 200


@dataclass(frozen=True, slots=True)
class Answered:
    """What may be told of a request once it is done: no content.

    Attributes:
        route: the template of the path, never the path: what a caller writes into a path is content.
        status: 499 where the caller went away.
        seconds: from its first byte to the last of the answer.
    """

    request_id: str
    method: str
    route: str
    status: int
    seconds: float
    stages: StageTimes


Watcher = Callable[[Answered, Mapping[str, str]], None]
"""Called with each request that is done, and its headers."""


class RequestMiddleware:
    """ASGI middleware around the whole application: gives each request its ``RequestContext``.

    Args:
        app: what is inside.
        parts: of the application.
        watchers: called with each request that is done.
    """

    def __init__(self, app: ASGIApp, *, parts: ServiceParts, watchers: Sequence[Watcher] = ()) -> None:
        self._app = app
        self._parts = parts
        self._watchers = watchers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on and its answer back."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        offered = Headers(scope=scope).get("x-request-id", "")
        request_id = offered if VISIBLE_ASCII.fullmatch(offered) else uuid.uuid4().hex
        with self._parts.lifecycle.pinned() as held:
            peer = (scope.get("client") or ("",))[0]
            context = RequestContext(self._parts, request_id, held, peer=peer)
            scope["state"] = {**scope.get("state", {}), "context": context}
            try:
                await self._answer(context, started, scope, receive, send)
            finally:
                context.held = None  # the server may keep the scope of an idle connection, and a bundle must go with it

    async def _answer(
        self, context: RequestContext, started: float, scope: Scope, receive: Receive, send: Send
    ) -> None:
        status: int | None = None

        async def send_completed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = context.request_id
                headers["Server-Timing"] = context.stages.header()
                if context.rate is not None:
                    headers.update(rate_headers(context.rate))
            await send(message)

        try:
            await self._app(scope, receive, send_completed)
        except ClientDisconnect:
            status = CLIENT_GONE
        except Exception as error:
            LOGGER.error("fault", exc_info=error, extra={"fields": {"request_id": context.request_id}})
            if status is not None:
                raise  # half an answer has gone out: only cutting the connection tells the caller
            await problem_response(Request(scope), error)(scope, receive, send_completed)
        finally:
            self._note(scope, context, status or CLIENT_GONE, time.perf_counter() - started)

    def _note(self, scope: Scope, context: RequestContext, status: int, seconds: float) -> None:
        request_id, stages = context.request_id, context.stages
        route = getattr(scope.get("route"), "path", "unmatched")
        method = scope["method"] if scope["method"] in METHODS else "other"
        answered = Answered(request_id, method, route, status, seconds, stages)
        self._parts.metrics.answered(route, method, status, seconds, stages)
        for watcher in self._watchers:
            watcher(answered, Headers(scope=scope))
        level = logging.DEBUG if route in ("/ping", "/ready", "/metrics") else logging.INFO
        timings = {f"{stage}_ms": round(ms, 2) for stage, ms in stages.ms.items()}
        log(
            "request",
            level=level,
            request_id=request_id,
            method=method,
            route=route,
            status=status,
            total_ms=round(seconds * 1000.0, 2),
            **timings,
        )


def problem_response(request: Request, error: Exception) -> Response:
    """Return the answer, as ``application/problem+json``, that tells the caller about ``error``."""
    refusal = refusal_for(error)
    body = problem_of(request, refusal)
    return Response(_json(body), status_code=KINDS[refusal.code].status, headers=refusal.headers, media_type=MEDIA_TYPE)


def problem_of(request: Request, error: Exception) -> dict[str, Any]:
    """Return what the caller is told about ``error``, and count it."""
    refusal = refusal_for(error)
    context = context_of(request)
    context.parts.metrics.refused(refusal.code)
    return problem_body(refusal, instance=_path(request.scope), request_id=context.request_id)


def _path(scope: Scope) -> str:
    """Return the path as it was asked for; not through ``request.url``, which a broken Host header breaks."""
    raw: bytes = scope.get("raw_path") or b"/"
    return raw.partition(b"?")[0][:MAX_INSTANCE].decode("ascii", "replace")


def _json(body: Mapping[str, Any]) -> bytes:
    # Escaped to ASCII: a path or value with half a surrogate pair must not break the answer about it.
    return json.dumps(body, allow_nan=False).encode("ascii")
