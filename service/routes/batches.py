"""POST /v1/suggestions/batch: hashtags for many posts at once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from core.errors import DeadlineExceeded, Overloaded
from service.answer.post import answer_post
from service.context import Context, RequestContext
from service.engine.batches import Line, unless_gone
from service.engine.lifecycle import ServedBundle
from service.intake.batch import read_batch, read_item
from service.observe.logs import LOGGER
from service.observe.metrics import StageTimes
from service.problems import documented, refusal_for
from service.protocol.auth import RequiresScope, charge_more
from service.protocol.idempotency import PARAMETER, IdempotencyLock, answer_idempotently, fingerprint_of, lock_or_replay
from service.protocol.middleware import problem_of
from service.protocol.parameters import no_query_string
from service.schemas.answers import BatchAnswer
from service.store.idempotency import StoredAnswer

NDJSON = "application/x-ndjson"
# After the time of a batch is up, this much is left to a slow reader for what is done.
READING_SLACK_S = 30.0
RETRY_S = 0.25

router = APIRouter(tags=["suggestions"])

BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/BatchRequest"}}},
    },
    "parameters": [PARAMETER],
}
PROBLEMS = documented(
    "malformed_body",
    "conflict",
    "body_too_large",
    "unsupported_content_type",
    "invalid_request",
    "overloaded",
    "internal_error",
    "timed_out",
    "not_ready",
)
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "each post's answer or problem: whole, in order; or line by line, as each is done",
        "content": {NDJSON: {"schema": {"$ref": "#/components/schemas/BatchEntry"}}},
    },
    **PROBLEMS,
}


@router.post(
    "/v1/suggestions/batch",
    summary="Suggest hashtags for up to 100 posts",
    response_model=BatchAnswer,
    responses=ANSWERS,
    openapi_extra=BODY,
    dependencies=[Depends(RequiresScope("suggest")), Depends(no_query_string)],
)
async def suggest_batch(request: Request, context: Context) -> Response:
    """Answer each post as it would be answered alone; a post that cannot be answered gets its problem in its place.

    With `Accept: application/x-ndjson` each post is one line, sent as soon as it is done.
    """
    serving = context.serving
    batches, batch_deadline_s = context.parts.batches, context.parts.settings.batch_deadline_s
    deadline = asyncio.get_running_loop().time() + batch_deadline_s
    with ExitStack() as stack:
        claim = stack.enter_context(context.parts.bodies.claims(context.account))
        try:
            async with asyncio.timeout_at(deadline):
                with context.stages.measured("read"):
                    posts = await read_batch(request, claim)
                    # Not before: bodies that drip in would keep the few places for as long as a batch may take.
                    stack.enter_context(batches.entered(context.account))
                    await charge_more(context, len(posts) - 1)
        except TimeoutError:
            raise DeadlineExceeded("The batch's time ran out.", retry_after_s=1.0) from None
        batch = _Batch(request, context, posts, deadline, serving)
        lines = batches.answers(len(posts), batch.line)
        by_line = NDJSON in request.headers.get("accept", "").lower()

        def fingerprint() -> bytes:
            return fingerprint_of(b"batch lines" if by_line else b"batch", json.dumps(posts, default=repr).encode())

        if by_line:
            held_s = batch_deadline_s + READING_SLACK_S
            lock = await lock_or_replay(request, context, fingerprint, deadline_s=held_s)
            if isinstance(lock, Response):
                return lock
            return _Lines(lines, stack.pop_all(), deadline + READING_SLACK_S, lock)

        async def answer() -> Response:
            in_order = b",".join(line for _, line in sorted(await unless_gone(request, lines)))
            request_id = json.dumps(context.request_id).encode("ascii")
            return Response(b'{"request_id":%s,"results":[%s]}' % (request_id, in_order), media_type="application/json")

        return await answer_idempotently(request, context, fingerprint, answer, deadline_s=batch_deadline_s)


class _Batch:
    """Answers the posts of one batch by their indexes."""

    def __init__(
        self,
        request: Request,
        context: RequestContext,
        posts: list[object],
        deadline: float,
        serving: ServedBundle,
    ) -> None:
        self._request = request
        self._context = context
        self._posts = posts
        self._deadline = deadline
        self._serving = serving

    async def line(self, index: int) -> bytes:
        """Return the entry of one post as JSON."""
        whole, context = self._context, replace(self._context, stages=StageTimes())
        try:
            kind, content = b"answer", await self._answer(index, context)
        except Exception as error:
            if refusal_for(error).code == "internal_error":
                LOGGER.error("fault", exc_info=error, extra={"fields": {"request_id": context.request_id}})
            kind, content = b"problem", json.dumps(problem_of(self._request, error)).encode("ascii")
        for stage, ms in context.stages.ms.items():
            whole.stages.add(stage, ms / 1000.0)
        return b'{"index":%d,"%s":%s}' % (index, kind, content)

    async def _answer(self, index: int, context: RequestContext) -> bytes:
        post, self._posts[index] = self._posts[index], None  # a picture is held no longer than it is needed
        deadline_s = context.parts.settings.deadline_s
        until = min(self._deadline, asyncio.get_running_loop().time() + deadline_s)
        try:
            async with asyncio.timeout_at(until):
                read = await asyncio.to_thread(read_item, post)
                while True:
                    await self._serving.inference.gate.room()
                    try:
                        # A picture that is fetched counts only until its post is answered.
                        with context.parts.bodies.claims(context.account) as claim:
                            answer = await answer_post(context, self._serving, read, claim)
                    except Overloaded:  # others were quicker: a batch waits where a single post is refused
                        await asyncio.sleep(RETRY_S)
                    else:
                        return answer.model_dump_json().encode()
        except TimeoutError:
            raise DeadlineExceeded("The batch's time ran out before this post's turn was over.") from None


class _Lines(StreamingResponse):
    """Sends lines as they come, and lets go of what the batch holds when the last one, or the client, has gone."""

    def __init__(
        self, lines: AsyncGenerator[Line], held: ExitStack, until: float, lock: IdempotencyLock | None
    ) -> None:
        super().__init__(_with_newlines(lines, lock), media_type=NDJSON)
        self._lines = lines
        self._held = held
        self._until = until
        self._lock = lock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._held:
            try:
                async with asyncio.timeout_at(self._until):
                    await super().__call__(scope, receive, send)
            finally:
                await self._lines.aclose()
                if self._lock is not None:
                    await self._lock.release()


async def _with_newlines(lines: AsyncIterator[Line], lock: IdempotencyLock | None) -> AsyncIterator[bytes]:
    """Yield each line with its newline; a caller who has read the last one knows that all of them are stored."""
    sent = bytearray()
    async for _, line in lines:
        if lock is not None:
            sent += line + b"\n"
        yield line + b"\n"
    if lock is not None:
        await lock.complete(StoredAnswer(200, NDJSON, bytes(sent)))
